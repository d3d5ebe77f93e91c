using System.Text.Json.Nodes;

namespace StableDiffusion.Tests;

/// <summary><c>show</c> and <c>--from</c>: pictures painted again as their files say.</summary>
public sealed class RecipeProgramTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string> Options =>
    [
        "-n dog --cfg-scale 6 --scheduler ddim --eta 0.5 --rng nvidia --clip-skip 2 -W 96 -H 64 --guidance-rescale 0.3 --guidance-end 0.8",
        "--scheduler dpmpp_2m --sigmas karras --scheduler-config solver_order=3 --num-images 2 --long-prompt truncate",
        "--lora LORA/kohya-r4.safetensors:unet=0.5,text=0.25 --variation-seed 18446744073709551615 --variation-strength 0.2 --tiling",
        "--deep-cache 2:1 --guidance-every 3 --cfg-scale 4",
        "-W 48 -H 32 --hires-scale 2 --hires-steps 3 --hires-strength 0.5 --hires-upscaler lanczos --scheduler euler_a",
        "-W 96 -H 96 --vae-tile-size 32 --upscale 1.5",
    ];

    [Theory]
    [MemberData(nameof(Options))]
    public void A_picture_of_this_program_is_painted_again_the_same(string options)
    {
        string[] given = options.Replace("LORA", LoraGoldens.Folder, StringComparison.Ordinal).Split(' ');
        Paint(["a red, castle", "-s", "5", "--steps", "4", .. given, "-o", "first.png"]);
        var first = Directory.EnumerateFiles(_folder.Path, "first*.png").Order(StringComparer.Ordinal).First();

        var again = Paint(["--from", first, "--lora-dir", LoraGoldens.Folder, "-o", "again.png"]);

        Assert.Equal("", again.Errors);
        var second = Directory.EnumerateFiles(_folder.Path, "again*.png").Order(StringComparer.Ordinal).First();
        Assert.Equal(0, Differences.Largest(PngReader.Read(second).Image, PngReader.Read(first).Image));
        Assert.Equal(PngReader.Read(first).Texts, PngReader.Read(second).Texts);
    }

    [Fact]
    public void Of_several_pictures_of_a_seed_the_one_that_is_asked_for_is_painted_again_alone_or_as_many_as_are_asked_for()
    {
        string[] paths = [.. Paint(["a castle", "-s", "5", "--steps", "2", "--num-images", "3", "-o", "first/"]).OutputLines];

        var again = Paint(["--from", paths[1], "--save-latents", "again.npy", "-o", "again.png"]).OutputLines;
        var all = Paint(["--from", paths[1], "--num-images", "2", "-o", "all/"]).OutputLines;

        Assert.Equal("again.png", Assert.Single(again));
        Assert.Equal(0, Differences.Largest(PngReader.Read(_folder.PathOf("again.png")).Image, PngReader.Read(_folder.PathOf(paths[1])).Image));
        Assert.Equal(1, NpyFile.Read(_folder.PathOf("again.npy")).Shape[0]);
        Assert.Equal(2, all.Count);
    }

    [Fact]
    public void Where_the_picture_to_start_from_is_given_it_is_painted_over_as_far_as_it_was_unless_that_is_given_too()
    {
        string[] start = ["-i", Goldens.PathOf("pictures", "inpaint-094-init.png")];
        Paint(["a castle", "-s", "5", "--steps", "6", .. start, "--strength", "0.4", "--resize-mode", "crop", "-W", "96", "-o", "first.png"]);

        var again = Paint(["--from", "first.png", .. start, "-o", "again.png"]);
        Paint(["--from", "first.png", .. start, "--strength", "0.9", "-o", "further.png"]);
        Paint(["a castle", "-s", "5", "--steps", "6", .. start, "--strength", "0.9", "--resize-mode", "crop", "-W", "96", "-o", "direct.png"]);

        Assert.Equal("", again.Errors);
        Assert.Equal(0, Differences.Largest(PngReader.Read(_folder.PathOf("again.png")).Image, PngReader.Read(_folder.PathOf("first.png")).Image));
        Assert.Equal(0, Differences.Largest(PngReader.Read(_folder.PathOf("further.png")).Image, PngReader.Read(_folder.PathOf("direct.png")).Image));
    }

    [Fact]
    public void A_model_that_reads_no_text_needs_no_prompt()
    {
        var outcome = SdProgram.Run(["-m", FamilyGoldens.ModelNamed("ldm-uncond"), "--steps", "1", "-q", "-o", "a.png"], _folder.Path, "");

        Assert.Equal((0, ""), (outcome.ExitCode, outcome.Errors));
    }

    [Fact]
    public void An_SDXL_picture_keeps_its_second_texts_and_sizes()
    {
        string[] model = ["-m", Goldens.PathOf("models", "sdxl"), "-q", "--device", "cpu"];
        Run(["a castle", "--prompt-2", "red: dog", "-n", "x", "--negative-prompt-2", "blue", "--original-size", "96x64", "--crop", "1,2", "--target-size", "64x96", "-s", "5", "--steps", "2", "-o", "first.png", .. model]);

        var again = Run(["--from", "first.png", "-o", "again.png", .. model]);

        Assert.Equal((0, ""), (again.ExitCode, again.Errors));
        Assert.Equal(0, Differences.Largest(PngReader.Read(_folder.PathOf("again.png")).Image, PngReader.Read(_folder.PathOf("first.png")).Image));
    }

    [Fact]
    public void Options_given_beside_it_change_what_they_name()
    {
        Paint(["a castle", "-s", "5", "--steps", "2", "-o", "first.png"]);
        Paint(["a dog", "--from", "first.png", "--steps", "3", "-o", "again.png"]);
        Paint(["a dog", "-s", "5", "--steps", "3", "-o", "direct.png"]);

        Assert.Equal(0, Differences.Largest(PngReader.Read(_folder.PathOf("again.png")).Image, PngReader.Read(_folder.PathOf("direct.png")).Image));
    }

    [Theory]
    [InlineData("first.png")]
    [InlineData("first.jpg")]
    [InlineData("first.webp")]
    public void Show_prints_what_a_file_of_any_format_says_and_its_JSON_is_a_line_of_a_batch(string name)
    {
        Paint(["a castle", "-n", "grün", "-s", "5", "--steps", "2", "-o", name]);

        var text = Run(["show", name]);
        var json = Run(["show", name, "--json"]);

        Assert.StartsWith("a castle\nNegative prompt: grün\nSteps: 2, Sampler: PLMS, CFG scale: 7.5, Seed: 5", text.Output, StringComparison.Ordinal);
        var batch = SdProgram.Run(["batch", "-", "-m", Refused.GoodModel, "--device", "cpu", "-o", "out/", "-q"], _folder.Path, json.Output);
        Assert.Equal(0, batch.ExitCode);
        if (name.EndsWith(".png", StringComparison.Ordinal))
        {
            Assert.Equal(0, Differences.Largest(PngReader.Read(_folder.PathOf(batch.OutputLines[0])).Image, PngReader.Read(_folder.PathOf(name)).Image));
        }
    }

    /// <summary>As the webui 1.10 writes it (modules/processing.py, create_infotext).</summary>
    [Fact]
    public void A_picture_of_the_webui_is_followed_and_what_is_not_is_said()
    {
        Write("web.png", ("parameters",
            "a castle <lora:kohya-r4:0.5>\nNegative prompt: dog\nSteps: 20, Sampler: DPM++ 2M, Schedule type: Automatic, CFG scale: 7, Seed: 965400086, Size: 512x512, "
            + "Model hash: 6ce0161689, Model: v1-5, Denoising strength: 0.6, Clip skip: 2, Hires upscale: 2, Hires steps: 10, Hires upscaler: R-ESRGAN 4x+, Lora hashes: \"kohya-r4: 41787eed5309\", ADetailer model: face, Version: v1.10.1"));

        var json = JsonNode.Parse(Run(["show", "web.png", "--json"]).Output)!;

        Assert.Equal(
            """{"prompt":"a castle \u003Clora:kohya-r4:0.5\u003E","negative_prompt":"dog","steps":20,"cfg_scale":7,"width":512,"height":512,"seed":965400086,"scheduler":"DPM\u002B\u002B 2M","sigmas":"karras","spacing":"linspace","hires_scale":2,"hires_steps":10,"hires_strength":0.6,"clip_skip":2}""",
            Without(json, "program", "model", "notes").ToJsonString());
        string[] notes = [.. json["notes"]!.AsArray().Select(note => (string)note!)];
        Assert.Contains(notes, note => note.Contains("GPU", StringComparison.Ordinal));
        Assert.Contains(notes, note => note.Contains("R-ESRGAN 4x+", StringComparison.Ordinal) && note.Contains("--hires-upscaler", StringComparison.Ordinal));
        Assert.Contains(notes, note => note.Contains("ADetailer model", StringComparison.Ordinal));
    }

    /// <summary>As ComfyUI writes its own example graph, with a LoRA, a clip layer, a linked text and the NaN of is_changed.</summary>
    [Fact]
    public void A_graph_of_ComfyUI_is_walked_back_from_its_sampler()
    {
        Write("comfy.png", ("prompt", """
            {"3": {"class_type": "KSampler", "inputs": {"seed": 156680208700286, "steps": 20, "cfg": 8.0, "sampler_name": "dpmpp_2m", "scheduler": "karras", "denoise": 1.0,
              "model": ["10", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}},
             "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "v1-5.safetensors"}, "is_changed": [NaN]},
             "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 768, "batch_size": 1}},
             "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["11", 0], "clip": ["12", 0]}},
             "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "text, NaN watermark", "clip": ["12", 0]}},
             "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "ComfyUI", "images": ["8", 0]}},
             "10": {"class_type": "LoraLoader", "inputs": {"lora_name": "styles/pixel.safetensors", "strength_model": 0.8, "strength_clip": 0.5, "model": ["4", 0], "clip": ["4", 1]}},
             "11": {"class_type": "PrimitiveString", "inputs": {"value": "a castle"}},
             "12": {"class_type": "CLIPSetLastLayer", "inputs": {"stop_at_clip_layer": -2, "clip": ["10", 1]}}}
            """), ("workflow", "{}"));

        var json = JsonNode.Parse(Run(["show", "comfy.png", "--json"]).Output)!;

        Assert.Equal(
            """{"prompt":"a castle \u003Clora:pixel:0.5:0.8\u003E","negative_prompt":"text, NaN watermark","steps":20,"cfg_scale":8.0,"width":512,"height":768,"seed":156680208700286,"scheduler":"dpmpp_2m","sigmas":"karras","spacing":"linspace","clip_skip":2}""",
            Without(json, "program", "model", "notes").ToJsonString());
        Assert.Equal("ComfyUI", (string?)json["program"]);
    }

    /// <summary>As ComfyUI writes an SDXL graph of two samplers (base, refiner) with the sizes and both texts of CLIPTextEncodeSDXL.</summary>
    [Fact]
    public void A_graph_for_SDXL_says_its_second_text_its_sizes_and_which_steps_it_painted()
    {
        Write("comfy.png", ("prompt", """
            {"3": {"class_type": "KSamplerAdvanced", "inputs": {"add_noise": "enable", "noise_seed": 5, "steps": 25, "cfg": 8.0, "sampler_name": "euler", "scheduler": "normal", "start_at_step": 0,
              "end_at_step": 20, "return_with_leftover_noise": "enable", "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}},
             "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd_xl_base.safetensors"}},
             "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 96, "batch_size": 1}},
             "6": {"class_type": "CLIPTextEncodeSDXL", "inputs": {"width": 4096, "height": 2048, "crop_w": 8, "crop_h": 16, "target_width": 1024, "target_height": 512, "text_g": "a dog", "text_l": "a castle", "clip": ["4", 1]}},
             "7": {"class_type": "CLIPTextEncodeSDXL", "inputs": {"width": 512, "height": 512, "crop_w": 8, "crop_h": 16, "target_width": 1024, "target_height": 512, "text_g": "", "text_l": "", "clip": ["4", 1]}},
             "9": {"class_type": "KSamplerAdvanced", "inputs": {"add_noise": "disable", "noise_seed": 0, "start_at_step": 20, "latent_image": ["3", 0]}}}
            """));

        var json = JsonNode.Parse(Run(["show", "comfy.png", "--json"]).Output)!;

        Assert.Equal(
            """{"prompt":"a castle","negative_prompt":"","steps":25,"cfg_scale":8.0,"width":64,"height":96,"seed":5,"scheduler":"euler","spacing":"linspace","prompt_2":"a dog","original_size":"4096x2048","crop":"16,8","target_size":"1024x512"}""",
            Without(json, "program", "model", "notes").ToJsonString());
        Assert.Equal(
            ["the graph has 2 samplers; the first that paints from empty latents is taken.", "its sampler paints steps 0 to 20 of 25; all of them are painted here.", "the negative prompt's original size 512x512 is not followed; the prompt's is taken."],
            json["notes"]!.AsArray().Select(note => (string)note!));
    }

    /// <summary>As ComfyUI writes its example for Flux dev: a sampler made of parts.</summary>
    [Fact]
    public void A_graph_with_a_sampler_of_parts_is_followed_and_painted_by_a_flow_model()
    {
        Write("flux.png", ("prompt", """
            {"6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a castle", "clip": ["11", 0]}},
             "11": {"class_type": "DualCLIPLoader", "inputs": {"clip_name1": "t5xxl.safetensors", "clip_name2": "clip_l.safetensors", "type": "flux"}},
             "12": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux-dev.safetensors"}},
             "13": {"class_type": "SamplerCustomAdvanced", "inputs": {"noise": ["25", 0], "guider": ["22", 0], "sampler": ["16", 0], "sigmas": ["17", 0], "latent_image": ["27", 0]}},
             "16": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
             "17": {"class_type": "BasicScheduler", "inputs": {"scheduler": "normal", "steps": 2, "denoise": 1.0, "model": ["12", 0]}},
             "22": {"class_type": "BasicGuider", "inputs": {"model": ["12", 0], "conditioning": ["26", 0]}},
             "25": {"class_type": "RandomNoise", "inputs": {"noise_seed": 5}},
             "26": {"class_type": "FluxGuidance", "inputs": {"guidance": 1.5, "conditioning": ["6", 0]}},
             "27": {"class_type": "EmptySD3LatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}}}
            """));
        string[] model = ["-m", FamilyGoldens.PathOf("models", "flux-dev"), "-q", "--device", "cpu"];
        Run(["a castle", "-s", "5", "--steps", "2", "-W", "64", "-H", "64", "--guidance", "1.5", "--cfg-scale", "1", "-o", "first.png", .. model]);

        var again = Run(["--from", "flux.png", "-o", "again.png", .. model]);

        Assert.Equal((0, ""), (again.ExitCode, again.Errors));
        Assert.Equal(0, Differences.Largest(PngReader.Read(_folder.PathOf("again.png")).Image, PngReader.Read(_folder.PathOf("first.png")).Image));
    }

    /// <summary>ComfyUI reads an empty negative text, where diffusers takes SDXL's zeros; ConditioningZeroOut makes zeros.</summary>
    [Fact]
    public void An_empty_negative_text_of_ComfyUI_is_read_and_a_zeroed_one_is_none()
    {
        string[] model = ["-m", Goldens.PathOf("models", "sdxl"), "-q", "--device", "cpu"];
        const string Graph = """
            {"3": {"class_type": "KSampler", "inputs": {"seed": 5, "steps": 2, "cfg": 5.0, "sampler_name": "euler", "scheduler": "normal", "positive": ["6", 0], "negative": ["NEGATIVE", 0], "latent_image": ["5", 0]}},
             "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
             "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a castle"}},
             "7": {"class_type": "CLIPTextEncode", "inputs": {"text": ""}},
             "8": {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["6", 0]}}}
            """;
        Write("read.png", ("prompt", Graph.Replace("NEGATIVE", "7", StringComparison.Ordinal)));
        Write("zeros.png", ("prompt", Graph.Replace("NEGATIVE", "8", StringComparison.Ordinal)));

        foreach (var (name, negative) in (IEnumerable<(string, string[])>)[("read", ["-n", ""]), ("zeros", [])])
        {
            Assert.Equal(0, Run(["a castle", .. negative, "--steps", "2", "--scheduler", "euler", "--spacing", "linspace", "--cfg-scale", "5", "-s", "5", "-W", "64", "-H", "64", "-o", $"{name}-direct.png", .. model]).ExitCode);
            Assert.Equal(0, Run(["--from", $"{name}.png", "-o", $"{name}-again.png", .. model]).ExitCode);
            Assert.Equal(0, Differences.Largest(PngReader.Read(_folder.PathOf($"{name}-direct.png")).Image, PngReader.Read(_folder.PathOf($"{name}-again.png")).Image));
        }

        Assert.NotEqual(PngReader.Read(_folder.PathOf("read-again.png")).Image.Pixels.ToArray(), PngReader.Read(_folder.PathOf("zeros-again.png")).Image.Pixels.ToArray());
    }

    /// <summary>What cannot be found is not left out in silence: a value that another node makes, latents that are not empty, another autoencoder, noise of a GPU.</summary>
    [Fact]
    public void Of_a_graph_of_ComfyUI_what_is_not_found_is_said()
    {
        Write("comfy.png", ("prompt", """
            {"3": {"class_type": "KSampler", "inputs": {"seed": ["20", 0], "steps": ["21", 0], "cfg": 7, "sampler_name": "dpmpp_2m_sde_gpu", "scheduler": "beta57", "denoise": 1.0,
              "positive": ["6", 0], "latent_image": ["5", 0]}},
             "5": {"class_type": "VAEEncodeForInpaint", "inputs": {"pixels": ["9", 0], "mask": ["9", 1]}},
             "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["11", 0]}},
             "8": {"class_type": "VAELoader", "inputs": {"vae_name": "other.safetensors"}},
             "11": {"class_type": "Text Concatenate", "inputs": {"text_a": "a", "text_b": "b"}},
             "20": {"class_type": "Random Number", "inputs": {"minimum": 1}},
             "21": {"class_type": "Math", "inputs": {"value": 4}}}
            """));

        var json = JsonNode.Parse(Run(["show", "comfy.png", "--json"]).Output)!;

        Assert.Equal("""{"prompt":"","steps":4,"cfg_scale":7,"scheduler":"dpmpp_2m_sde"}""", Without(json, "program", "model", "notes", "spacing").ToJsonString());
        Assert.Equal(
            [
                "the node Random Number, from which seed comes, is not followed.",
                "steps comes from the node Math, whose input is taken as it is.",
                "the noise between steps of dpmpp_2m_sde_gpu came from a GPU; the CPU's is taken, and the picture will be another.",
                "the schedule beta57 is not known here; the scheduler's own is taken.",
                "the node VAEEncodeForInpaint, from which the sampler takes its latents, is not followed; the size is the model's, and what is in them is not painted over.",
                "the node VAELoader, which gives another autoencoder than the model's, is not followed.",
                "the node Text Concatenate, from which text comes, is not followed.",
            ],
            json["notes"]!.AsArray().Select(note => (string)note!));
    }

    /// <summary>A schedule that a scheduler does not take here is no reason to paint nothing.</summary>
    [Theory]
    [InlineData("Euler a", "Karras")]
    [InlineData("DDIM", "Beta")]
    [InlineData("LCM", "Exponential")]
    public void A_schedule_that_the_scheduler_does_not_take_is_said_and_its_own_taken(string sampler, string schedule)
    {
        Write("web.png", ("parameters", $"a castle\nSteps: 2, Sampler: {sampler}, Schedule type: {schedule}, CFG scale: 5, Seed: 5, Size: 64x64, RNG: CPU, Version: v1.10.1"));

        Assert.Equal($"warning: web.png: the schedule {schedule} is none that its scheduler takes here; the scheduler's own is taken.", Assert.Single(Paint(["--from", "web.png", "-o", "again.png"]).ErrorLines));
    }

    [Fact]
    public void A_batch_of_recipes_says_once_what_goes_for_all_of_them()
    {
        Paint(["a castle", "-s", "5", "--steps", "2", "-o", "first.png"]);
        var line = Run(["show", "first.png", "--json"]).Output;

        var batch = SdProgram.Run(["batch", "-", "-m", Refused.GoodModel, "--device", "cpu", "-o", "out/", "-q"], _folder.Path, line + line.Replace("castle", "dog", StringComparison.Ordinal));

        Assert.Equal((0, 2), (batch.ExitCode, batch.OutputLines.Count));
        Assert.Equal("warning: line 1: it was painted with the model sd1; --model says which one paints it here.", Assert.Single(batch.ErrorLines));
    }

    [Fact]
    public void Of_several_pictures_that_are_shown_one_that_says_nothing_does_not_hide_the_others()
    {
        Write("mute.png");
        Write("web.png", ("parameters", "a castle\nSteps: 2, Sampler: Euler, Seed: 5"));

        var shown = Run(["show", "mute.png", "none.png", "web.png"]);

        Assert.Equal((2, "a castle\nSteps: 2, Sampler: Euler, Seed: 5\n", 2), (shown.ExitCode, shown.Output, shown.ErrorLines.Count));
    }

    /// <summary>As InvokeAI 4 writes it: clip_skip counts layers left out, _k is Karras.</summary>
    [Fact]
    public void The_metadata_of_InvokeAI_are_followed()
    {
        Write("invoke.png", ("invokeai_metadata", """
            {"generation_mode": "txt2img", "positive_prompt": "a castle", "negative_prompt": "", "width": 512, "height": 512, "seed": 7, "rand_device": "cpu", "cfg_scale": 7.5,
             "steps": 30, "scheduler": "dpmpp_2m_k", "clip_skip": 1, "model": {"name": "sd15"}, "loras": [{"model": {"name": "pixel"}, "weight": 0.75}], "hrf_enabled": true}
            """));

        var json = JsonNode.Parse(Run(["show", "invoke.png", "--json"]).Output)!;

        Assert.Equal(
            """{"prompt":"a castle \u003Clora:pixel:0.75\u003E","steps":30,"cfg_scale":7.5,"width":512,"height":512,"seed":7,"scheduler":"dpmpp_2m","sigmas":"karras","clip_skip":2}""",
            Without(json, "program", "model", "notes").ToJsonString());
        Assert.Equal("""["hrf_enabled is not followed."]""", json["notes"]!.ToJsonString());
    }

    [Theory]
    [InlineData("sd3", "--prompt-3 dog -n x --negative-prompt-3 blue --max-sequence-length 77")]
    [InlineData("flux-dev", "--guidance 1.5")]
    public void A_picture_of_another_family_is_painted_again_the_same(string family, string options)
    {
        string[] model = ["-m", FamilyGoldens.PathOf("models", family), "-q", "--device", "cpu"];
        Run(["a castle", "-s", "5", "--steps", "2", "-W", "64", "-H", "64", "-o", "first.png", .. options.Split(' '), .. model]);
        Run(["a castle", "-s", "5", "--steps", "2", "-W", "64", "-H", "64", "-o", "plain.png", .. model]);

        var again = Run(["--from", "first.png", "-o", "again.png", .. model]);

        Assert.Equal((0, ""), (again.ExitCode, again.Errors));
        Assert.Equal(0, Differences.Largest(PngReader.Read(_folder.PathOf("again.png")).Image, PngReader.Read(_folder.PathOf("first.png")).Image));
        Assert.NotEqual(PngReader.Read(_folder.PathOf("plain.png")).Image.Pixels.ToArray(), PngReader.Read(_folder.PathOf("first.png")).Image.Pixels.ToArray());
    }

    [Fact]
    public void The_command_line_stands_above_the_picture_and_the_picture_above_the_users_own_defaults()
    {
        Paint(["a castle", "-s", "5", "--steps", "2", "-o", "first.png"]);
        Directory.CreateDirectory(_folder.PathOf("config/sd"));
        File.WriteAllText(_folder.PathOf("config/sd/config.json"), """{"steps": 7, "cfg_scale": 3, "clip_skip": 2, "negative_prompt": "dog", "prompt": "a dog", "batch_count": 2, "presets": {"draft": {"steps": 9}}}""");
        var configured = new Dictionary<string, string> { ["XDG_CONFIG_HOME"] = _folder.PathOf("config") };

        var again = SdProgram.Run(["--from", "first.png", "--preset", "draft", "--cfg-scale", "4", "-m", Refused.GoodModel, "--device", "cpu", "-q", "-o", "again.png"], _folder.Path, "", configured);

        Assert.Equal((0, "again-0.png\nagain-1.png\n", ""), (again.ExitCode, again.Output, again.Errors));
        Assert.StartsWith("a castle\nSteps: 2, Sampler: PLMS, CFG scale: 4, Seed: 5, Size: 64x64, Model: sd1, RNG: CPU, Version: ", PngReader.Read(_folder.PathOf("again-0.png")).Texts[0].Value, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_model_is_said()
    {
        Paint(["a castle", "-s", "5", "--steps", "2", "-o", "first.png"]);

        var again = Run(["--from", "first.png", "-m", Goldens.PathOf("models", "sd1-static"), "--device", "cpu", "-q", "-o", "again.png"]);

        Assert.Equal((0, "warning: first.png: it was painted with the model sd1, and is painted again with sd1-static.\n"), (again.ExitCode, again.Errors));
    }

    [Theory]
    [InlineData("png")]
    [InlineData("webp")]
    public void An_enlarged_picture_is_painted_and_enlarged_again_and_what_is_too_much_is_said(string format)
    {
        Paint(["a castle", "-s", "5", "--steps", "2", "-o", "first.png"]);
        Assert.Equal(0, Run(["upscale", "first.png", "--upscaler", "lanczos", "--scale", "2", "-o", $"large.{format}"]).ExitCode);
        Assert.Equal(0, Run(["upscale", $"large.{format}", "--upscaler", "lanczos", "--scale", "1.5", "-o", $"larger.{format}"]).ExitCode);

        Assert.Equal("", Paint(["--from", $"large.{format}", "-o", "again.png"]).Errors);
        var further = Paint(["--from", $"larger.{format}", "-o", "further.png"]);

        Assert.Equal([$"warning: larger.{format}: a further Postprocess upscale by: 1.5 is not followed.", $"warning: larger.{format}: a further Postprocess upscaler: Lanczos is not followed."], further.ErrorLines);
        var (small, again) = (PngReader.Read(_folder.PathOf("first.png")).Image, PngReader.Read(_folder.PathOf("again.png")).Image);
        Assert.Equal(0, Differences.Largest(again, ImageResizer.Resize(small, 2 * small.Width, 2 * small.Height)));
        Assert.Equal(0, Differences.Largest(again, PngReader.Read(_folder.PathOf("further.png")).Image));
    }

    [Fact]
    public void Notes_are_silent_only_where_all_that_they_advise_is_given()
    {
        Paint(["a castle", "-s", "5", "--steps", "2", "-o", "first.png"]);
        string[] mask = ["--mask", Goldens.PathOf("pictures", "inpaint-094-mask.png")];
        Paint(["a castle", "-s", "5", "--steps", "4", "-i", "first.png", .. mask, "--strength", "0.5", "-o", "over.png"]);

        Assert.Contains("it was painted from a picture at the strength 0.5", Paint(["--from", "over.png", "-o", "none.png"]).Errors, StringComparison.Ordinal);
        Assert.Equal("warning: over.png: Mask: given is not followed; give it with --mask.\n", Paint(["--from", "over.png", "-i", "first.png", "-o", "half.png"]).Errors);
        Assert.Equal("", Paint(["--from", "over.png", "-i", "first.png", .. mask, "-o", "again.png"]).Errors);
        Assert.Equal(0, Differences.Largest(PngReader.Read(_folder.PathOf("again.png")).Image, PngReader.Read(_folder.PathOf("over.png")).Image));
    }

    [Fact]
    public void A_prompt_beside_it_is_read_from_standard_input_or_refused_where_it_is_given_twice()
    {
        Paint(["a castle", "-s", "5", "--steps", "2", "-o", "first.png"]);

        var piped = SdProgram.Run(["--from", "first.png", "-", "-m", Refused.GoodModel, "--device", "cpu", "-q", "-o", "again.png"], _folder.Path, "a dog\n");

        Assert.Equal((0, ""), (piped.ExitCode, piped.Errors));
        Assert.StartsWith("a dog\n", PngReader.Read(_folder.PathOf("again.png")).Texts[0].Value, StringComparison.Ordinal);
        Refused.Run(Refused.Usage, "the prompt is given twice", _folder, ["--from", "first.png", "x", "--prompt", "y", "-m", Refused.GoodModel]);
    }

    /// <summary>Texts that end in themselves, stand twice or are cut in the middle of a character, as no program writes them on purpose.</summary>
    [Theory]
    [InlineData("invokeai_metadata", """{"positive_prompt": "a", "positive_prompt": "b", "steps": 3}""")]
    [InlineData("invokeai_metadata", """{"positive_prompt": "a", "model": {"name": "a", "name": "b"}}""")]
    [InlineData("invokeai_metadata", """{"positive_prompt": "cat \ud83d"}""")]
    [InlineData("invokeai_metadata", """{"positive_prompt": "cat", "a\ud83d": 1}""")]
    [InlineData("prompt", """{"3": {"class_type": "KSampler", "inputs": {"seed": 1, "seed": 2}}}""")]
    [InlineData("prompt", """{"3": {"class_type": "KSampler"}, "3": {}}""")]
    [InlineData("prompt", """{"3": {"class_type": "KSampler", "inputs": {"positive": ["6", 0]}}, "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "cat \ud83d"}}}""")]
    [InlineData("prompt", """{"3": {"class_type": "KSampler", "inputs": {"seed\ud83d": 1}}}""")]
    [InlineData("prompt", "{\"3\": ")]
    [InlineData("prompt", "[]")]
    public void A_text_that_cannot_be_read_is_no_recipe(string key, string text)
    {
        Write("broken.png", (key, text));

        Refused.Run(Refused.Usage, $"does not say how it was made in a form that is understood (it holds {key})", _folder, ["show", "broken.png", "--json"]);
    }

    [Theory]
    [InlineData("""{"3": {"class_type": "KSampler", "inputs": {"seed": 1, "positive": ["4", 0]}}, "4": {"class_type": "ConditioningCombine", "inputs": {"conditioning_1": ["4", 0]}}}""", "the node ConditioningCombine between sampler and text is not followed.")]
    [InlineData("""{"3": {"class_type": "KSampler", "inputs": {"seed": 1, "model": ["4", 0]}}, "4": {"class_type": "ModelSampling", "inputs": {"model": ["4", 0]}}}""", "the node ModelSampling between sampler and model is not followed.")]
    [InlineData("""{"3": {"class_type": "KSampler", "inputs": {"seed": 1, "positive": ["4", 0]}}, "4": {"class_type": "Reroute", "inputs": {"": ["4", 0]}}}""", null)]
    [InlineData("""{"3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": ["4", 0]}}, "4": {"class_type": "Sum", "inputs": {"value": ["4", 0], "text": ["5", 0], "seed": ["4", 0]}}, "5": {"class_type": "Sum", "inputs": {"value": ["4", 0], "text": ["5", 0], "int": ["4", 0]}}}""", "the node Sum, from which steps comes, is not followed.")]
    public void A_graph_that_leads_back_into_itself_has_an_end(string graph, string? note)
    {
        Write("endless.png", ("prompt", graph));

        var shown = Run(["show", "endless.png", "--json"]);

        Assert.Equal((0, ""), (shown.ExitCode, shown.Errors));
        var json = JsonNode.Parse(shown.Output)!;
        Assert.Equal("1", json["seed"]!.ToJsonString());
        Assert.Equal(note is null ? [] : [note], json["notes"]!.AsArray().Select(one => (string)one!).Where(one => one.StartsWith("the node", StringComparison.Ordinal)));
    }

    /// <summary>A chain of links as long as the file may be must not fill the stack.</summary>
    [Fact]
    public void A_graph_with_a_very_long_chain_is_read()
    {
        const int Length = 100_000;
        var nodes = string.Concat(Enumerable.Range(10, Length).Select(i => $$"""
            , "{{i}}": {"class_type": "Combine", "inputs": {"value": ["{{i + 1}}", 0], "conditioning": ["{{i + 1}}", 0], "model": ["{{i + 1}}", 0] } }
            """));
        Write("long.png", ("prompt", """{"3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": ["10", 0], "positive": ["10", 0], "model": ["10", 0]}}""" + nodes + "}"));

        var shown = Run(["show", "long.png", "--json"]);

        Assert.Equal((0, ""), (shown.ExitCode, shown.Errors));
    }

    [Fact]
    public void The_clip_skip_of_the_webui_and_the_layer_of_ComfyUI_leave_SDXL_s_texts_as_they_are()
    {
        string[] model = ["-m", Goldens.PathOf("models", "sdxl"), "--device", "cpu", "-q"];
        Write("web.png", ("parameters", "a castle\nSteps: 2, Sampler: Euler, CFG scale: 5, Seed: 5, Size: 64x64, Clip skip: 2, RNG: CPU, Version: v1.10.1"));
        Write("comfy.png", ("prompt", """
            {"3": {"class_type": "KSampler", "inputs": {"seed": 5, "steps": 2, "cfg": 5.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0, "positive": ["6", 0], "latent_image": ["5", 0]}},
             "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
             "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a castle", "clip": ["12", 0]}},
             "12": {"class_type": "CLIPSetLastLayer", "inputs": {"stop_at_clip_layer": -2}}}
            """));
        Assert.Equal(0, Run(["a castle", "--steps", "2", "--scheduler", "euler", "--spacing", "linspace", "--cfg-scale", "5", "-s", "5", "-W", "64", "-H", "64", "-o", "plain.png", .. model]).ExitCode);

        var web = Run(["--from", "web.png", "-o", "of-web.png", .. model]);
        var comfy = Run(["--from", "comfy.png", "-o", "of-comfy.png", .. model]);

        Assert.Equal(
            (0, "warning: web.png: Clip skip: 2 is not followed, as it does nothing to models with two text encoders there; --clip-skip leaves out layers here."),
            (web.ExitCode, Assert.Single(web.ErrorLines)));
        Assert.Equal((0, ""), (comfy.ExitCode, comfy.Errors));
        var plain = PngReader.Read(_folder.PathOf("plain.png")).Image;
        Assert.Equal(0, Differences.Largest(PngReader.Read(_folder.PathOf("of-web.png")).Image, plain));
        Assert.Equal(0, Differences.Largest(PngReader.Read(_folder.PathOf("of-comfy.png")).Image, plain));
    }

    [Fact]
    public void The_eta_of_an_ancestral_sampler_of_the_webui_is_said_not_to_be_followed()
    {
        Write("web.png", ("parameters", "a castle\nSteps: 2, Sampler: Euler a, Schedule type: Automatic, CFG scale: 5, Seed: 5, Size: 64x64, Eta: 0.67, RNG: CPU, Version: v1.10.1"));

        var again = Paint(["--from", "web.png", "-o", "again.png"]);

        Assert.Equal("warning: web.png: Eta: 0.67 is not followed, as its sampler takes no eta here.", Assert.Single(again.ErrorLines));
    }

    [Fact]
    public void A_picture_that_says_nothing_is_refused()
    {
        Write("mute.png");
        Write("broken.png", ("prompt", "{\"3\": {\"class_type\": 4}}"), ("parameters", "no fields"));

        Refused.Run(Refused.Usage, "it holds no text", _folder, ["show", "mute.png"]);
        Refused.Run(Refused.Usage, "does not say how it was made", _folder, ["--from", "mute.png", "-m", Refused.GoodModel]);
        Refused.Run(Refused.Usage, "it holds prompt, parameters", _folder, ["show", "broken.png", "--json"]);
    }

    private static JsonObject Without(JsonNode json, params string[] members)
    {
        var rest = json.DeepClone().AsObject();
        members.ToList().ForEach(member => rest.Remove(member));
        return rest;
    }

    private void Write(string name, params (string Key, string Value)[] texts)
    {
        using var stream = File.Create(_folder.PathOf(name));
        PngWriter.Write(stream, new RgbImage(2, 2, new byte[12]), [.. texts.Select(text => KeyValuePair.Create(text.Key, text.Value))]);
    }

    private SdProgram.Outcome Paint(IEnumerable<string> arguments)
    {
        var outcome = Run([.. arguments, "-m", Refused.GoodModel, "--device", "cpu", "-q"]);
        Assert.True(outcome.ExitCode == 0, outcome.Errors);
        return outcome;
    }

    private SdProgram.Outcome Run(IEnumerable<string> arguments) => SdProgram.Run(arguments, _folder.Path, "");
}
