using System.CommandLine;
using StableDiffusion.Cli;

namespace StableDiffusion.Tests;

/// <summary>Nothing that makes another picture gets lost on its way from a command line into a picture's text, and from there to <c>--from</c>.</summary>
public class RecipeRoundTripTests
{
    /// <summary>Options that say how many pictures there are, where something is found, or how a picture is kept.</summary>
    private static readonly string[] _makeNoOtherPicture = ["--batch-count", "--batch_size", "--lora-dir", "--quality"];

    /// <summary>What every text has.</summary>
    private static readonly string[] _alwaysThere = ["--prompt", "--seed"];

    private static readonly string _file = Goldens.PathOf("pictures", "inpaint-094-init.png");

    private static readonly string _picture = $"--init-image {_file}";

    private static readonly string _network = Path.Combine(Goldens.Beside("controlnet"), "models", "sd1-control", "controlnet") + ":0.5";

    private static readonly string _control = $"--control {_network} --control-image {_file}";

    /// <summary>Any file: it is not opened before the picture is painted.</summary>
    private static readonly string _upscaler = Goldens.PathOf("models", "sd1", "unet", "model.onnx");

    /// <summary>The options one by one: what stands on the command line, the option among it, and what of it is there to make it mean something.</summary>
    public static TheoryData<string, string, string, string> Options => new()
    {
        { "sd1", "--negative-prompt", "dog", "" },
        { "sd1", "--steps", "3", "" },
        { "sd1", "--cfg-scale", "3", "" },
        { "sd1", "--width", "96", "" },
        { "sd1", "--height", "96", "" },
        { "sd1", "--num-images", "2", "" },
        { "sd1", "--scheduler", "euler", "" },
        { "sd1", "--sigmas", "karras", "--scheduler dpmpp_2m" },
        { "sd1", "--sigmas", "exponential", "--scheduler euler" },
        { "sd1", "--spacing", "trailing", "--scheduler euler" },
        { "sd1", "--prediction", "v_prediction", "--scheduler euler" },
        { "sd1", "--scheduler-config", "solver_order=3", "--scheduler dpmpp_2m" },
        { "sd1", "--scheduler-config", "timestep_spacing=linspace", "--scheduler euler" },
        { "sd3", "--scheduler-config", "shift=2", "" },
        { "sd1", "--eta", "0.5", "--scheduler ddim" },
        { "sd1", "--lora", LoraGoldens.PathOf("kohya-r4.safetensors") + ":unet=0.5,text=0.25", "" },
        { "sd1", "--embedding", "cat=" + LoraGoldens.PathOf("glorp-a1111.safetensors"), "" },
        { "sd1", "--embedding-dir", LoraGoldens.Folder, "--negative-prompt <zonk>" },
        { "sd1", "--control", $"{_network} --control-image {_file}", "" },
        { "sd1", "--control-image", $"{_file} --control {_network}", "" },
        { "sd1", "--control-preprocessor", "canny:50,150", _control },
        { "sd1", "--guess-mode", "", _control },
        { "sd1", "--tiling", "", "" },
        { "sd1", "--variation-seed", "9", "--variation-strength 0.2" },
        { "sd1", "--variation-strength", "0.3", "" },
        { "sd1", "--hires-scale", "2", "" },
        { "sd1", "--hires-steps", "3", "--hires-scale 2" },
        { "sd1", "--hires-strength", "0.5", "--hires-scale 2" },
        { "sd1", "--hires-upscaler", "lanczos", "--hires-scale 2" },
        { "sd1", "--hires-upscaler", _upscaler, "--hires-scale 2" },
        { "sd1", "--upscale", "1.5", "" },
        { "sd1", "--upscaler", _upscaler, "" },
        { "sd1", "--upscaler", _upscaler, "--upscale 2" },
        { "sd1", "--vae-tiling", "", "" },
        { "sd1", "--vae-tile-size", "32", "" },
        { "sd1", "--vae-tile-overlap", "0.5", "" },
        { "sd1", "--init-image", _file, "" },
        { "sd1", "--strength", "0.3", _picture },
        { "sd1", "--mask", Goldens.PathOf("pictures", "inpaint-094-mask.png"), _picture },
        { "sd1", "--resize-mode", "crop", _picture },
        { "sd1", "--latents", Goldens.PathOf("pictures", "sd1-003.npy"), "" },
        { "sd1", "--clip-skip", "2", "" },
        { "sd1", "--long-prompt", "truncate", "" },
        { "sd1", "--guidance-rescale", "0.5", "" },
        { "sd1", "--guidance-start", "0.25", "" },
        { "sd1", "--guidance-end", "0.75", "" },
        { "sd1", "--guidance-every", "2", "" },
        { "sd1", "--deep-cache", "2:1", "" },
        { "sd1", "--rng", "nvidia", "" },
        { "sdxl", "--prompt-2", "dog:_red", "" },
        { "sdxl", "--negative-prompt-2", "dog", "--negative-prompt x" },
        { "sdxl", "--negative-prompt", "''", "" },
        { "sdxl", "--original-size", "96x64", "" },
        { "sdxl", "--crop", "1,2", "" },
        { "sdxl", "--target-size", "96x64", "" },
        { "sd3", "--prompt-3", "dog", "" },
        { "sd3", "--negative-prompt-3", "dog", "" },
        { "sd3", "--max-sequence-length", "77", "" },
        { "flux-dev", "--guidance", "1.5", "" },
    };

    /// <summary>What no text can hold, so that the recipe says how to give it again.</summary>
    private static readonly HashSet<string> _advised =
    [
        "--control", "--control-image", "--control-preprocessor", "--guess-mode", "--mask", "--latents", "--init-image", "--embedding", "--embedding-dir",
    ];

    [Theory]
    [MemberData(nameof(Options))]
    public void An_option_that_makes_another_picture_is_read_back_from_its_text_or_said(string model, string option, string value, string others)
    {
        var folder = FolderOf(model);
        var without = TextOf(folder, Request(new ImageOptions(), others));
        var image = new ImageOptions();
        var text = TextOf(folder, Request(image, $"{option} {value} {others}"));
        Assert.NotEqual(without, text); // the text says something of it

        var recipe = RecipeOf(text);

        var field = OptionNames.FieldOf(option);
        var isAdvised = _advised.Contains(option) || (option.EndsWith("upscaler", StringComparison.Ordinal) && File.Exists(value));
        Assert.Equal(isAdvised, recipe.Notes.Any(note => note.Advises(field)));
        if (isAdvised)
        {
            return;
        }

        Assert.DoesNotContain(recipe.Notes, note => note.Text.Contains("is not followed", StringComparison.Ordinal));
        var given = new LineFields { ["lora_dir"] = [LoraGoldens.Folder] };
        if (others.Contains(_picture, StringComparison.Ordinal))
        {
            given["init_image"] = [_file];
        }

        var again = new FieldTable(image).Request(recipe.With(given));
        Assert.Equal(text, TextOf(folder, again));
    }

    [Fact]
    public void Every_option_of_a_picture_is_among_those() => Assert.Equal(
        new ImageOptions().All.Select(option => option.Name).Order(),
        Options.Select(row => row.Data.Item2).Distinct().Concat(_makeNoOtherPicture).Concat(_alwaysThere).Order());

    /// <summary>What no option gives is no less said.</summary>
    [Fact]
    public void A_scheduler_or_noise_of_the_callers_own_is_said()
    {
        var folder = FolderOf("sd1");
        var request = new ImageRequest { Prompt = "a cat" };

        Assert.Contains(RecipeOf(TextOf(folder, request with { NoiseFactory = _ => new TorchRandom(1) })).Notes, note => note.Text.Contains("a generator of its own", StringComparison.Ordinal));
        Assert.Contains(
            RecipeOf(TextOf(folder, request with { SchedulerFactory = run => folder.CreateScheduler("euler", run) })).Notes, note => note.Text.Contains("custom", StringComparison.Ordinal) && note.Advises("scheduler"));
    }

    [Fact]
    public void Another_model_or_variant_than_the_pictures_is_said()
    {
        var folder = FolderOf("sd1");
        var recipe = RecipeOf(TextOf(folder, new ImageRequest { Prompt = "a cat" }));

        Assert.Null(recipe.OtherModel(folder));
        Assert.Equal("it was painted with the model sd1, and is painted again with sd2.", recipe.OtherModel(FolderOf("sd2")));
        recipe.Variant = "fp16";
        Assert.Equal("it was painted with the model sd1 (fp16), and is painted again with sd1.", recipe.OtherModel(folder));
    }

    [Fact]
    public void A_recipe_that_lacks_what_is_written_only_where_it_is_not_usual_says_that_it_was_usual()
    {
        var recipe = RecipeOf("a cat\nSeed: 5, Size: 64x64, Model: sd1, Denoising strength: 0.5");

        Assert.All(["steps", "scheduler", "lora_dir", "batch_count", "quality", "init_image"], field => Assert.True(recipe.LeavesOpen(field), field));
        Assert.All(["prompt", "seed", "width", "negative_prompt", "clip_skip", "hires_scale", "sigmas", "mask", "tiling", "strength"], field => Assert.False(recipe.LeavesOpen(field), field));
    }

    [Theory]
    [InlineData("--spacing leading", "spacing=leading")]
    [InlineData("--scheduler-config timestep_spacing=leading", "spacing=leading")]
    [InlineData("--sigmas exponential", "sigmas=exponential")]
    [InlineData("--scheduler-config use_exponential_sigmas=true", "sigmas=exponential")]
    [InlineData("--scheduler-config solver_order=2", "scheduler_config=lower_order_final=false solver_order=2")]
    [InlineData("--scheduler-config algorithm_type=dpmsolver", "scheduler_config=solver_order=3 lower_order_final=false algorithm_type=dpmsolver")]
    public void What_stands_beside_a_recipe_changes_one_entry_of_the_scheduler_and_leaves_the_others(string beside, string changed)
    {
        var options = new ImageOptions();
        var folder = FolderOf("sd1");
        var text = TextOf(folder, Request(options, "--scheduler dpmpp_2m --sigmas karras --spacing trailing --scheduler-config solver_order=3 --scheduler-config lower_order_final=false"));
        var recipe = RecipeOf(text);
        Dictionary<string, string> expected = new()
        {
            ["sigmas"] = "karras",
            ["spacing"] = "trailing",
            ["scheduler_config"] = "lower_order_final=false solver_order=3",
        };
        Assert.Equal(expected, Said(recipe.Fields));

        var merged = recipe.With(new FieldTable(options).Defaults(Parsed(options, beside)));

        expected[changed.Split('=')[0]] = changed[(changed.IndexOf('=', StringComparison.Ordinal) + 1)..];
        var said = Said(merged);
        Assert.Equal(expected.ToDictionary(field => field.Key, field => Sorted(field.Value)), said.ToDictionary(field => field.Key, field => Sorted(field.Value)));

        Dictionary<string, string> Said(LineFields fields) => expected.Keys.ToDictionary(field => field, field => string.Join(' ', fields[field]));
        static string Sorted(string words) => string.Join(' ', words.Split(' ').Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("Postprocess upscaler: net", "the upscaler was net; give its file with --upscaler.")]
    [InlineData("Postprocess upscale by: 2, Postprocess upscaler: net", "the upscaler was net; give its file with --upscaler.")]
    [InlineData("Postprocess upscale by: 2, Postprocess upscaler: Lanczos, Postprocess upscale by: 3, Postprocess upscaler: Lanczos", "a further Postprocess upscale by: 3 is not followed.|a further Postprocess upscaler: Lanczos is not followed.")]
    [InlineData("Hires resize: 128x96, Hires steps: 2, Hires upscaler: Latent", "it was painted over again at 128x96, to which no scale leads; --hires-scale comes near it.")]
    [InlineData("Hires resize: 64x64", "it was painted over again at 64x64, to which no scale leads; --hires-scale comes near it.")]
    [InlineData("Hires resize: big", "it was painted over again at big, to which no scale leads; --hires-scale comes near it.")]
    [InlineData("Eta: 0.67", "Eta: 0.67 is not followed, as its sampler takes no eta here.")]
    [InlineData("VAE: other", "VAE: other is not followed.")]
    public void What_else_was_done_to_a_picture_is_said(string fields, string notes) => Assert.Equal(
        notes.Split('|'), RecipeOf($"a cat\nSteps: 3, Sampler: Euler, Seed: 5, Size: 64x64, RNG: CPU, {fields}").Notes.Select(note => note.Text));

    /// <summary>calculate_target_resolution of modules/processing.py: with one side the other follows, with two the picture is cut where the shapes differ.</summary>
    [Theory]
    [InlineData("512x768", "1024x1536", "2")]
    [InlineData("512x768", "1024x0", "2")]
    [InlineData("512x768", "0x1152", "1.5")]
    [InlineData("832x1216", "1216x0", null)]
    public void A_size_that_a_picture_was_painted_over_at_is_followed_as_a_scale(string size, string target, string? scale)
    {
        var recipe = RecipeOf($"a cat\nSteps: 3, Sampler: Euler, Seed: 5, Size: {size}, RNG: CPU, Denoising strength: 0.4, Hires resize: {target}, Hires steps: 7, Hires upscaler: Latent, Version: v1.10.1");

        Assert.Empty(recipe.Notes);
        Assert.Equal("7", recipe.Fields["hires_steps"][0]);
        Assert.Equal("0.4", recipe.Fields["hires_strength"][0]);
        Assert.Equal("latent", recipe.Fields["hires_upscaler"][0]);
        if (scale is not null)
        {
            Assert.Equal(scale, recipe.Fields["hires_scale"][0]);
        }

        int[] from = [.. size.Split('x').Select(int.Parse)], to = [.. target.Split('x').Select(int.Parse)];
        var factor = double.Parse(recipe.Fields["hires_scale"][0], System.Globalization.CultureInfo.InvariantCulture);
        Assert.All(from.Zip(to).Where(side => side.Second > 0), side => Assert.Equal(side.Second, (int)(side.First * factor)));
    }

    /// <summary>The options of the samplers in modules/sd_samplers_kdiffusion.py of the webui 1.9; older ones write no schedule, but put it into the name.</summary>
    [Theory]
    [InlineData("Sampler: DPM++ 2M, Schedule type: Automatic", "karras")]
    [InlineData("Sampler: DPM++ 2M SDE, Schedule type: Automatic", "exponential")]
    [InlineData("Sampler: DPM2, Schedule type: Automatic", "karras")]
    [InlineData("Sampler: DPM2 a, Schedule type: Automatic", "karras")]
    [InlineData("Sampler: LMS, Schedule type: Automatic", null)]
    [InlineData("Sampler: Euler a, Schedule type: Automatic", null)]
    [InlineData("Sampler: DPM++ 2M, Schedule type: Exponential", "exponential")]
    [InlineData("Sampler: DPM++ 2M, Schedule type: Uniform", null)]
    [InlineData("Sampler: DPM++ 2M", null)]
    public void The_automatic_schedule_is_the_webui_s_own_for_the_sampler(string sampler, string? sigmas)
    {
        var recipe = RecipeOf($"a cat\nSteps: 3, {sampler}, Seed: 5, Size: 64x64, RNG: CPU, Version: v1.9.4");

        Assert.Equal(sigmas, recipe.Fields.GetValueOrDefault("sigmas")?[0]);
        Assert.Empty(recipe.Notes);
    }

    [Theory]
    [InlineData("DDIM", "Eta DDIM: 0.5", "0.5")]
    [InlineData("DDIM", "Eta: 0.5", "0.5")]
    [InlineData("Euler a", "Eta: 0.67", null)]
    [InlineData("DPM++ 2M SDE", "Eta: 0.5", null)]
    [InlineData("PLMS", "Eta DDIM: 0.5", null)]
    public void An_eta_is_followed_where_the_sampler_takes_one_and_else_said(string sampler, string eta, string? followed)
    {
        var recipe = RecipeOf($"a cat\nSteps: 3, Sampler: {sampler}, Seed: 5, Size: 64x64, RNG: CPU, {eta}, Version: v1.9.4");

        Assert.Equal(followed, recipe.Fields.GetValueOrDefault("eta")?[0]);
        Assert.Equal(followed is null ? [$"{eta} is not followed, as its sampler takes no eta here."] : [], recipe.Notes.Select(note => note.Text));
    }

    /// <summary>The webui reads SDXL's layers as they are (sdxl_clip_l_skip aside, which it writes nowhere); ComfyUI's -2 is SDXL's own layer.</summary>
    [Theory]
    [InlineData("webui", "sdxl", "2", null, "Clip skip: 2 is not followed, as it does nothing to models with two text encoders there; --clip-skip leaves out layers here.")]
    [InlineData("webui", "sdxl", "1", null, null)]
    [InlineData("webui", "sd1", "2", "2", null)]
    [InlineData("ComfyUI", "sdxl", "2", "1", null)]
    [InlineData("ComfyUI", "sdxl", "3", "2", null)]
    [InlineData("ComfyUI", "sdxl", "1", "1", "its texts were read at the last layer, which is not done here for models with two text encoders.")]
    [InlineData("ComfyUI", "sd1", "2", "2", null)]
    [InlineData("sd", "sdxl", "2", "2", null)]
    public void Layers_are_counted_as_the_program_that_painted_counts_them(string program, string model, string skip, string? followed, string? note)
    {
        var recipe = new Recipe(program);
        recipe.Set("clip_skip", skip);

        recipe.FitTo(() => FolderOf(model));

        Assert.Equal(followed, recipe.Fields.GetValueOrDefault("clip_skip")?[0]);
        Assert.Equal(note is null ? [] : [note], recipe.Notes.Select(one => one.Text));
    }

    /// <summary>k-diffusion's programs begin at the model's highest noise level whatever its configuration says of spacing (get_sigmas); the webui's DDIM and PLMS do not.</summary>
    [Theory]
    [InlineData("Sampler: Euler a, Schedule type: Automatic", "linspace")]
    [InlineData("Sampler: DPM++ 2M Karras", "linspace")]
    [InlineData("Sampler: DPM++ 2M, Schedule type: Karras", "linspace")]
    [InlineData("Sampler: Euler, Schedule type: SGM Uniform", "trailing")]
    [InlineData("Sampler: Euler, Schedule type: DDIM", "leading")]
    [InlineData("Sampler: DDIM", null)]
    [InlineData("Sampler: PLMS", null)]
    [InlineData("Sampler: LCM, Schedule type: Automatic", null)]
    public void The_webui_s_samplers_over_sigmas_begin_at_the_highest(string sampler, string? spacing)
    {
        Assert.Equal(spacing, RecipeOf($"a cat\nSteps: 3, {sampler}, Seed: 5, Size: 64x64, RNG: CPU, Version: v1.9.4").Fields.GetValueOrDefault("spacing")?[0]);
        Assert.Null(RecipeOf("a cat\nSteps: 3, Sampler: Euler a, Seed: 5, Size: 64x64, RNG: CPU, Version: StableDiffusion.Cli 1.0").Fields.GetValueOrDefault("spacing"));
    }

    /// <summary>Flow models have one scheduler here, whose steps other programs call euler's.</summary>
    [Theory]
    [InlineData("sd3", "euler", null)]
    [InlineData("flux-dev", "dpmpp_2m", "the sampler dpmpp_2m is not for this model here; the model's own is taken.")]
    public void A_sampler_that_the_model_cannot_be_painted_with_gives_way_to_its_own(string model, string sampler, string? note)
    {
        var recipe = new Recipe("ComfyUI");
        recipe.Set("scheduler", sampler);
        recipe.Set("spacing", "linspace");

        recipe.FitTo(() => FolderOf(model));

        Assert.Empty(recipe.Fields);
        Assert.Equal(note is null ? [] : [note], recipe.Notes.Select(one => one.Text));
    }

    private static ModelFolder FolderOf(string model) =>
        ModelFolder.Open(FamilyGoldens.ModelNamed(model));

    private static Recipe RecipeOf(string text)
    {
        Assert.True(GenerationParameters.TryParse(text, out var parameters));
        return WebUiRecipe.Of(parameters);
    }

    private static string TextOf(ModelFolder folder, ImageRequest request)
    {
        var painting = new Painting(GenerationPlan.Of(request, folder), request.Seeds[0]);
        return new AdapterShelf(folder, _ => { }).Describe(PictureParameters.Of(painting, 0, WeightPrecision.Exported), request).ToInfotext();
    }

    private static ImageRequest Request(ImageOptions image, string arguments) => image.Request(Parsed(image, arguments), static () => throw new InvalidOperationException("There is a prompt."));

    private static ParseResult Parsed(ImageOptions image, string arguments)
    {
        var command = new RootCommand { image.PromptArgument };
        foreach (var option in image.All)
        {
            command.Add(option);
        }

        string[] words = ["a cat", "-s", "5", .. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(word => word == "''" ? "" : word)];
        var parsed = command.Parse(words);
        Assert.Empty(parsed.Errors);
        return parsed;
    }
}
