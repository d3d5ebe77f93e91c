using System.Diagnostics;

namespace StableDiffusion.Tests;

/// <summary>Command lines that make no sense, run on the real program with a good model: exit code 2 unless something else is said.</summary>
public sealed class WrongInputTests
{
    /// <summary>What follows "apple" on the command line, words split at spaces, and what the message must say.</summary>
    public static TheoryData<string, string> WrongOptions => new()
    {
        { "red", "red is one word too many; put a prompt of several words in quotes" },
        { "--prompt pear", "the prompt is given twice, as an argument and with --prompt; give it once." },
        { "--stepz 3", "'--stepz'. sd help all lists all options." },
        { "--steps", "argument missing for option: '--steps'" },
        { "--steps 3 --steps 4", "--steps is given 2 times; give it once" },
        { "--steps many", "--steps many must be a whole number" },
        { "--steps 2.5", "--steps 2.5 must be a whole number" },
        { "--steps 99999999999", "--steps 99999999999 must be a whole number of at most 2147483647" },
        { "--steps 0", "--steps 0 must be at least 1." },
        { "--steps -1", "--steps -1 must be at least 1." },
        { "--steps 2000", "2000 steps are more than the 1000 that the model was trained with; ask for at most 1000." },
        { "--cfg-scale much", "--cfg-scale much must be a number" },
        { "--cfg-scale nan", "--cfg-scale nan must be a number, such as 7.5; leave it out for the default." },
        { "--cfg-scale -3", "--cfg-scale -3 must be a number of at least 0." },
        { "--guidance-rescale 2", "--guidance-rescale 2 must be from 0 to 1." },
        { "--guidance-start 0.7 --guidance-end 0.5", "--guidance-start must be less than --guidance-end." },
        { "--guidance-every 0", "--guidance-every 0 must be at least 1." },
        { "--deep-cache two", "--deep-cache two must be a number of steps, with or without a branch: 3 or 3:1." },
        { "--deep-cache 0", "--deep-cache 0 must be at least 1." },
        { "--deep-cache 2:-1", "--deep-cache: the branch -1 must be at least 0, the outermost." },
        { "--deep-cache 2:4", "--deep-cache: there is no branch 4;" },
        { "--provider sigmoid", "--provider sigmoid needs --provider-library, the file that it is in." },
        { "--provider-library p.so", "--provider-library needs --provider, the provider's name;" },
        { "--provider sigmoid --provider-library p.so", "--provider-library: there is no file p.so; give the provider's library." },
        { "--provider sigmoid: --provider-library p.so", "--provider sigmoid: must be a name, with or without a device: OpenVINO or OpenVINO:1." },
        { "--cuda-option use_tf32", "--cuda-option use_tf32 must be key=value, such as use_tf32=1." },
        { "--cuda-option tf32=1", "--cuda-option: tf32 cannot be set; there are arena_extend_strategy, cudnn_conv1d_pad_to_nc1d," },
        { "--cuda-option use_tf32=1", "--cuda-option is for CUDA, and the networks run elsewhere; leave it out, or give --device cuda." },
        { "--provider sigmoid --provider-library p.so --provider-option gain", "--provider-option gain must be key=value, such as device_type=CPU." },
        { "--width 60", "-W 60 does not fit sd1: it must be a multiple of 16 pixels, such as 48 or 64." },
        { "--height 0", "-H 0 does not fit sd1: it must be a multiple of 16 pixels, such as 16." },
        { "-W -64", "-W -64 does not fit sd1" },
        { "-W 100000 -H 100000", "100000 x 100000 pixels is more than a network can be fed; ask for a smaller -W and -H" },
        { "--num-images 100000000", "100000000 times 64 x 64 pixels is more than a network can be fed" },
        { "--num-images 0", "--num-images 0 must be at least 1." },
        { "--lora-dir nowhere", "--lora-dir nowhere is no folder; give that of the LoRAs." },
        { "--seed apple", "--seed 'apple' is not a seed; give a number from 0 to 18446744073709551615, a list such as 1,2,3, a range such as 5..9, or -1" },
        { "--seed 99999999999999999999", "--seed '99999999999999999999' is not a seed" },
        { "--seed -2", "--seed '-2' is not a seed" },
        { "--seed 1,,3", "--seed '1,,3' is not a seed" },
        { "--seed 5..2", "--seed 5..2 must count up" },
        { "--seed 18446744073709551614 --batch-count 3", "--seed 18446744073709551614 leaves no room to count up; give seeds up to 18446744073709551613." },
        { "--batch-count 0", "--batch-count 0 must be from 1 to 1000000." },
        { "--batch-count 99999999", "--batch-count 99999999 must be from 1 to 1000000." },
        { "--scheduler eular", "There is no scheduler \"eular\"; there are pndm, ddim, ddpm, euler," },
        { "--scheduler euler --eta 0.5", "euler has no eta; leave it out or choose ddim or tcd." },
        { "--scheduler ddim --eta 2", "--eta 2 must be from 0 to 1." },
        { "--sigmas karas", "--sigmas 'karas' is not known; give karras, exponential or beta." },
        { "--sigmas karras", "pndm has no use_karras_sigmas; leave it out or choose another scheduler." },
        { "--spacing trail", "--spacing trail is not known; give leading or linspace or trailing." },
        { "--prediction eps", "--prediction eps is not known; give epsilon or v_prediction or sample." },
        { "--scheduler-config solver_order", "--scheduler-config 'solver_order' must be key=value, such as solver_order=3." },
        { "--scheduler-config nonsense=3", "No scheduler has a parameter \"nonsense\"" },
        { "--scheduler dpmpp_2m --scheduler-config solver_order=abc", "\"solver_order\" is \"abc\", but must be a whole number" },
        { "--scheduler dpmpp_2m --scheduler-config solver_order=9", "has solver_order 1 to 3, not 9." },
        {
            "--scheduler ddim --spacing trailing --scheduler-config rescale_betas_zero_snr=true",
            "set rescale_betas_zero_snr to false or timestep_spacing to leading."
        },
        { "--clip-skip 0", "--clip-skip 0 must be at least 1." },
        { "--clip-skip 99", "--clip-skip 99 does not fit this text encoder; give 1 to 4." },
        { "--long-prompt cut", "--long-prompt 'cut' is not known; give chunk or truncate." },
        { "--rng gpu", "--rng 'gpu' is not known; give cpu or" },
        { "--resize-mode crop", "--resize-mode says how a picture gets its size; give one with --init-image." },
        { "--progress often", "--progress often is not known; give auto, none or json." },
        { "--threads -1", "--threads -1 must be from 0 to 1024." },
        { "--threads 1000000", "--threads 1000000 must be from 0 to 1024." },
        { "--strength 0.5", "--strength says how far to go from a picture; give one with --init-image." },
        { "--prompt-2 pear", "--prompt-2 is for models with two text encoders; sd1 has one." },
        { "--original-size 12", "--original-size '12' must be two whole numbers, such as 512x512." },
        { "--original-size 64x64", "--original-size, --crop and --target-size are for SDXL; sd1 is none." },
        { "--crop 1x1", "--crop '1x1' must be two whole numbers, such as 0,0." },
        { "--crop 1,1", "--original-size, --crop and --target-size are for SDXL; sd1 is none." },
        { "--guess-mode", "--guess-mode is for ControlNets; give one with --control." },
        { "--control c --control-image a.png --control-image b.png", "--control-image is given 2 times and --control 1 times; give one for each." },
        { "--hires-steps 3", "the options of the second pass do nothing without --hires-scale; give it, such as 2." },
        { "--preset none", "--preset none is not in " },
        { "--seed 0..99999999", "--seed 0..99999999 must count up, by at most 1000000 seeds." },
        { "--batch_size 0", "--batch_size 0 must be at least 1." },
        { "--provider-option a=b", "--provider-option needs --provider, the provider's name; 'sd doctor --provider-library' lists what a library offers." },
        { "--output {index:99}.png", "--output: {index:99} is wider than 20 digits." },
        { "--output {index.png", "--output {index.png has a brace that belongs to no placeholder such as {index:05} or {prompt:40}." },
        { "--save-latents a.png", "--save-latents a.png must end in .npy." },
        { "--output ''", "--output needs a file, a folder or a pattern" },
        { "--output apple.bmp", "--output apple.bmp must end in .png, .jpg or .webp, or in / for a folder." },
        { "--quality 0 --output apple.jpg", "--quality 0 must be from 1 to 100." },
        { "--quality 101 --output apple.jpg", "--quality 101 must be from 1 to 100." },
        { "--output {name}.png", "--output has a placeholder {name}; there are {index}, {seed} and {prompt}." },
        { "--output /proc/apple.png", "/proc/apple.png cannot be written: /proc takes no files; choose another folder." },
        { "--output /proc/new/", "cannot be written: /proc/new takes no files; choose another folder." },
        { $"--output {new string('x', 300)}.png", "cannot be written: the name is too long; choose a shorter one." },
        { "--save-latents nowhere/apple.npy", "nowhere/apple.npy cannot be written: there is no folder" },
        { "--save-latents .", "--save-latents . must end in .npy." },
        { "--save-latents ''", "--save-latents '' must end in .npy." },
    };

    /// <summary>Other command lines, words split at spaces, in a folder with a picture <c>a.png</c> and an empty folder <c>empty</c>.</summary>
    public static TheoryData<string, string> WrongCommands => new()
    {
        { "canny a.png -o e.png --low much", "--low much must be a number, such as 7.5." },
        { "canny a.png -o e.png --high inf", "--high inf must be a number, such as 7.5." },
        { "canny b.png -o e.png", "b.png does not exist; check the name of the picture." },
        { "noise a.png -m MODEL -o n --timesteps 1,x", "--timesteps 1,x: x is no time step; give a list such as 0,100,500,999." },
        { "noise a.png -m MODEL -o n --timesteps 5000", "time step 5000 is not among this model's, 0 to 999." },
        { "upscale a.png -o u.png --upscaler lanczos", "lanczos enlarges by any factor; say by which with --scale, such as 2." },
        { "upscale a.png -o u.png --upscaler lanczos --scale 99", "--scale 99 must be above 0, and at most 16." },
        { "upscale a.png -o u.png --upscaler lanczos --scale 2 --tile 1", "--tile must be at least 16, and --tile-margin from 0 to 512." },
        { "upscale a.png -o u.png --upscaler u.onnx", "--upscaler: there is no file u.onnx; give a network, or lanczos." },
        { "upscale a.png -o u.png --upscaler lanczos --scale 2 --device gpu", "--device gpu is not known; give auto, cpu, cuda or cuda:1." },
        { "compare empty empty", "empty has no pictures to compare with." },
        { "compare b.png a.png", "b.png does not exist; check the name of the picture." },
        { "show a.png", "a.png does not say how it was made: it holds no text." },
        { "grid a.png -o g.bmp", "--output g.bmp must end in .png, .jpg or .webp." },
        { "grid a.png", "Option '--output' is required." },
        { "completion tcsh", "'tcsh' is no shell that is known; give bash, zsh, fish, pwsh." },
        { "apple -m MODEL --control c --control-image a.png --control-preprocessor canny:1", "--control-preprocessor canny:1: the thresholds must be two numbers, such as canny:100,200." },
        { "explain apple -m MODEL -o e.png", "--output e.png must end in .html, for a page; data needs --json." },
    };

    [Theory]
    [MemberData(nameof(WrongCommands))]
    public void A_command_that_makes_no_sense_is_refused_and_writes_nothing(string arguments, string words)
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.PathOf("empty"));
        using (var picture = File.Create(folder.PathOf("a.png")))
        {
            PngWriter.Write(picture, new RgbImage(64, 64, new byte[64 * 64 * 3]));
        }

        Refused.Run(Refused.Usage, words, folder, arguments.Split(' ').Select(word => word == "MODEL" ? Refused.GoodModel : word));
    }

    [Theory]
    [InlineData("a <lora:b:1>", "the prompt names the LoRA 'b'; say with --lora-dir in which folder it is.")]
    [InlineData("a <lora:b:1> --lora-dir .", ". has no b.safetensors, which the prompt names.")]
    public void A_LoRA_that_the_prompt_names_must_be_found(string arguments, string words)
    {
        using var folder = new TemporaryFolder();
        var (prompt, options) = (arguments.Split(" --")[0], arguments.Split(' ')[2..]);

        Refused.Run(Refused.Usage, words, folder, [prompt, .. options, "-m", Refused.GoodModel]);
    }

    [Theory]
    [MemberData(nameof(WrongOptions))]
    public void A_wrong_option_is_refused_before_anything_is_painted(string arguments, string words)
    {
        using var folder = new TemporaryFolder();

        Refused.RunOnGoodModel(Refused.Usage, words, folder, arguments.Split(' ').Select(word => word == "''" ? "" : word));
    }

    [Fact]
    public void A_prompt_must_be_given()
    {
        using var folder = new TemporaryFolder();

        Refused.Run(Refused.Usage, "no prompt is given; say what to paint, such as \"a red apple, 3d render\"", folder, "--model", Refused.GoodModel);
    }

    [Fact]
    public void A_device_must_be_known()
    {
        using var folder = new TemporaryFolder();

        Refused.Run(Refused.Usage, "--device 'gpu' is not known; give auto, cpu, cuda or cuda:1.", folder, "apple", "--model", Refused.GoodModel, "--device", "gpu");
    }

    [Fact]
    public void A_size_that_the_export_does_not_have_is_refused_with_the_one_it_has()
    {
        using var folder = new TemporaryFolder();

        Refused.Run(
            Refused.Usage,
            "-W 128 does not fit sd1-static: its networks were exported for 64 pixels only.",
            folder,
            "apple", "--model", Goldens.PathOf("models", "sd1-static"), "--device", "cpu", "--width", "128");
    }

    /// <summary>A misspelt option must not become the prompt, which paints something else and says nothing.</summary>
    [Theory]
    [InlineData("--hlep", "--hlep")]
    [InlineData("-V", "-V")]
    [InlineData("--sed=5", "--sed=5")]
    [InlineData("--stpes --quiet", "--stpes")]
    [InlineData("explain --bogus", "--bogus")]
    [InlineData("show --jsno", "--jsno")]
    public void A_word_that_looks_like_an_option_and_is_none_is_refused(string arguments, string word)
    {
        using var folder = new TemporaryFolder();

        Refused.Run(Refused.Usage, $"Unrecognized option {word}; a text that begins so stands behind --.", folder, arguments.Split(' '));
    }

    [Fact]
    public void A_prompt_that_looks_like_an_option_stands_behind_two_dashes_or_its_own_option()
    {
        using var folder = new TemporaryFolder();
        string[] small = ["-m", Goldens.PathOf("models", "sd1"), "--device", "cpu", "--steps", "1", "-q", "-o", folder.PathOf("a.png")];

        Assert.Equal(0, SdProgram.Run([.. small, "--", "--hlep"]).ExitCode);
        Assert.StartsWith("--hlep\n", PngReader.Read(folder.PathOf("a.png")).Texts[0].Value, StringComparison.Ordinal);
        Assert.Equal(0, SdProgram.Run([.. small, "--prompt=-V"]).ExitCode);
        Assert.StartsWith("-V\n", PngReader.Read(folder.PathOf("a.png")).Texts[0].Value, StringComparison.Ordinal);
        Assert.Equal(0, SdProgram.Run([.. small, "-5 degrees, snow"]).ExitCode);
        Assert.StartsWith("-5 degrees, snow\n", PngReader.Read(folder.PathOf("a.png")).Texts[0].Value, StringComparison.Ordinal);
    }

    [Fact]
    public void An_empty_standard_input_is_no_prompt()
    {
        using var folder = new TemporaryFolder();
        var outcome = SdProgram.Run(["-", "-m", Goldens.PathOf("models", "sd1"), "-o", folder.PathOf("a.png")], folder.Path, "");

        Assert.Equal((2, "error: standard input is empty; pipe a text into it, or give \"\" as the prompt to paint without one."), (outcome.ExitCode, Assert.Single(outcome.ErrorLines)));
    }

    /// <summary>By the table of README.</summary>
    [Theory]
    [InlineData("sd1", "111111")]
    [InlineData("inpaint", "001111")]
    [InlineData("sdxl", "111111")]
    [InlineData("sd3", "111100")]
    [InlineData("flux-dev", "111100")]
    [InlineData("dit", "110000")]
    [InlineData("ldm-bert", "110000")]
    [InlineData("ldm-uncond", "100000")]
    public void Inspect_says_of_each_family_what_it_takes(string model, string works)
    {
        var inspected = SdProgram.Run("inspect", FamilyGoldens.ModelNamed(model), "--json");

        Assert.Equal(0, inspected.ExitCode);
        var said = System.Text.Json.Nodes.JsonNode.Parse(inspected.Output)!["works"]!.AsObject();
        Assert.Equal(["text to image", "image to image", "inpainting", "LoRA", "ControlNet", "DeepCache"], said.Select(one => one.Key));
        Assert.Equal(works, string.Concat(said.Select(one => (bool)one.Value! ? '1' : '0')));
    }

    [Theory]
    [InlineData("dit")]
    [InlineData("ldm-uncond")]
    [InlineData("inpaint")]
    public void The_doctor_paints_what_the_model_can(string model) =>
        Assert.Contains("ok   picture        64x64", SdProgram.Run("doctor", "-m", FamilyGoldens.ModelNamed(model)).Output, StringComparison.Ordinal);

    [Fact]
    public void Explain_says_that_it_is_not_for_an_inpainting_model()
    {
        using var folder = new TemporaryFolder();

        Refused.Run(Refused.Usage, "inpaint is made for inpainting, and explain is about a picture from noise alone", folder, "explain", "a cat", "--model", Goldens.PathOf("models", "inpaint"), "-o", folder.PathOf("a.html"));
    }

    [Fact]
    public void An_inpainting_model_wants_a_mask()
    {
        using var folder = new TemporaryFolder();

        Refused.Run(
            Refused.Usage,
            "inpaint is an inpainting model; give it a picture with --init-image and a mask with --mask.",
            folder,
            "apple", "--model", Goldens.PathOf("models", "inpaint"), "--device", "cpu");
    }

    [Theory]
    [InlineData("- < /", Refused.Usage, "error: the prompt cannot be read from standard input: Is a directory; pipe a text into it.")]
    [InlineData("apple --steps 1 --quiet > /dev/full", Refused.Failed, "error: standard output cannot be written (No space left on device); the picture itself is whole")]
    public void Standard_streams_that_do_not_work_are_an_error(string arguments, int exitCode, string error)
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "Streams are redirected as Linux does it.");
        using var folder = new TemporaryFolder();
        var start = new ProcessStartInfo("sh", ["-c", $"exec {SdProgram.ShellWords} --model \"$0\" --device cpu {arguments}", Refused.GoodModel])
        {
            WorkingDirectory = folder.Path,
            RedirectStandardError = true,
        };

        using var program = Process.Start(start)!;
        var errors = program.StandardError.ReadToEnd();
        program.WaitForExit();

        Assert.StartsWith(error, Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
        Assert.Equal(exitCode, program.ExitCode);
    }

    [Fact]
    public void A_folder_cannot_be_made_where_a_file_stands()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.PathOf("taken"), "");

        Refused.RunOnGoodModel(
            Refused.Usage, $"taken/new/apple.png cannot be written: {folder.PathOf("taken")} is a file, not a folder; choose another.", folder, "-o", "taken/new/apple.png");
    }
}
