using System.Text.Json.Nodes;
using StableDiffusion.Cli;

namespace StableDiffusion.Tests;

/// <summary>What a user of the built program may rely on, besides the pictures themselves.</summary>
public sealed class ProgramTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    /// <summary>ONNX Runtime reports to its maker, and keeps a number for the device in this folder, unless it is told not to.</summary>
    [Fact]
    public void Nothing_is_reported_to_anybody()
    {
        using var cache = new TemporaryFolder();

        Assert.Equal(0, SdProgram.Run(["a red apple", "--steps", "1", "-o", cache.PathOf("apple.png")], null, null, new Dictionary<string, string> { ["XDG_CACHE_HOME"] = cache.Path }).ExitCode);

        Assert.Equal(["apple.png"], cache.Names());
    }

    [Fact]
    public void Without_a_model_the_embedded_one_paints_from_any_folder()
    {
        var outcome = SdProgram.Run(["a red apple, 3d render", "--steps", "2", "--seed", "1"], _folder.Path, input: "");

        Assert.True(outcome.ExitCode == 0, outcome.Errors);
        Assert.Equal("a-red-apple-3d-render-1.png\n", outcome.Output);
        Assert.Equal(["a-red-apple-3d-render-1.png"], _folder.Names());
        var image = PngReader.Read(_folder.PathOf("a-red-apple-3d-render-1.png")).Image;
        Assert.Equal((256, 256), (image.Width, image.Height));
    }

    [Fact]
    public void Standard_output_has_the_paths_and_the_seeds_are_reported_and_stored()
    {
        var outcome = Paint("--seed", "7", "--batch-count", "2", "--output", "out/{seed}.png");

        Assert.Equal("out/7.png\nout/8.png\n", outcome.Output);
        Assert.Contains(outcome.ErrorLines, line => line.StartsWith("seed 7:", StringComparison.Ordinal));
        Assert.Contains(outcome.ErrorLines, line => line.StartsWith("seed 8:", StringComparison.Ordinal));
        var parameters = ParametersOf("out/8.png");
        Assert.Equal((8ul, 2, 64, 64), (parameters.Seed, parameters.Steps, parameters.Width, parameters.Height));
        Assert.Equal(("apple", "PLMS", "sd1"), (parameters.Prompt, parameters.Sampler, parameters.Model));
    }

    [Fact]
    public void A_random_seed_is_another_each_time_and_is_stored()
    {
        Paint("--seed", "-1", "--output", "a.png");
        Paint("--output", "b.png");

        Assert.NotEqual(ParametersOf("a.png").Seed, ParametersOf("b.png").Seed);
    }

    [Fact]
    public void Each_picture_of_several_seeds_is_the_one_painted_alone()
    {
        Paint("--seed", "1,2,3", "--output", "list-{seed}.png");
        Paint("--seed", "1", "--batch-count", "3", "--output", "count-{seed}.png");
        Paint("--seed", "3", "--output", "alone.png");

        Assert.Equal(Bytes("alone.png"), Bytes("list-3.png"));
        Assert.Equal(Bytes("alone.png"), Bytes("count-3.png"));
        Assert.Equal(Bytes("list-2.png"), Bytes("count-2.png"));
        Assert.NotEqual(PngReader.Read(_folder.PathOf("list-1.png")).Image.Pixels.ToArray(), PngReader.Read(_folder.PathOf("list-2.png")).Image.Pixels.ToArray());
    }

    [Fact]
    public void Latents_that_were_saved_can_be_started_from()
    {
        Paint("--batch-count", "3", "--seed", "1", "--height", "80", "--output", "{index}.png", "--save-latents", "latents.npy");
        Assert.Equal([3, 4, 10, 8], NpyFile.Read(_folder.PathOf("latents.npy")).Shape);

        var outcome = Paint("--latents", "latents.npy", "--seed", "1", "--output", "again-{index}.png", "--save-latents", "again.npy");

        Assert.Equal(["again-0.png", "again-1.png", "again-2.png"], outcome.OutputLines);
        Assert.Equal([3, 4, 10, 8], NpyFile.Read(_folder.PathOf("again.npy")).Shape);
    }

    [Fact]
    public void Quiet_leaves_standard_error_empty() => Assert.Equal("", Paint("--quiet").Errors);

    [Fact]
    public void Verbose_says_which_device_auto_has_chosen()
    {
        var outcome = Run(["apple", "--model", Refused.GoodModel, "--steps", "1", "--verbose"]);

        Assert.Contains(outcome.ErrorLines, line => line.EndsWith(", device cpu", StringComparison.Ordinal) || line.Contains(", device cuda", StringComparison.Ordinal));
    }

    [Fact]
    public void A_dash_reads_the_prompt_from_standard_input()
    {
        Run(["-", "--model", Refused.GoodModel, "--device", "cpu", "--steps", "1", "--output", "a.png"], "a green pear\n");

        Assert.Equal("a green pear", ParametersOf("a.png").Prompt);
    }

    [Fact]
    public void A_prompt_in_any_script_is_stored_and_names_the_file()
    {
        const string Prompt = "赤いリンゴ 🍎 Ärger";
        var outcome = Run([Prompt, "--model", Refused.GoodModel, "--device", "cpu", "--steps", "1", "--seed", "1"]);

        Assert.Equal("赤いリンゴ-ärger-1.png\n", outcome.Output);
        Assert.Equal(Prompt, ParametersOf("赤いリンゴ-ärger-1.png").Prompt);
        Assert.True(Bytes("赤いリンゴ-ärger-1.png").AsSpan().IndexOf("iTXtparameters\0"u8) > 0);
    }

    /// <summary>The word of a command as the value of an option, and as the prompt behind options.</summary>
    [Theory]
    [InlineData("--negative-prompt grid grid", "grid-1.png")]
    [InlineData("--negative-prompt grid --scheduler ddim show", "show-1.png")]
    [InlineData("-n show -- grid", "grid-1.png")]
    public void A_prompt_may_have_the_name_of_a_command(string words, string name) =>
        Assert.Equal(name + "\n", Run(["--model", Refused.GoodModel, "--device", "cpu", "--steps", "1", "--seed", "1", .. words.Split(' ')]).Output);

    /// <summary>System.CommandLine has directives: words in brackets before all others.</summary>
    [Theory]
    [InlineData("[grid]", "grid-1.png")]
    [InlineData("[suggest]", "suggest-1.png")]
    [InlineData("[a red (apple:1.2)]", "a-red-apple-1-2-1.png")]
    public void A_prompt_in_brackets_is_a_prompt_wherever_it_stands(string prompt, string name) =>
        Assert.Equal(name + "\n", Run([prompt, "--model", Refused.GoodModel, "--device", "cpu", "--steps", "1", "--seed", "1"]).Output);

    [Fact]
    public void A_prompt_that_is_cut_warns_with_the_words_left_out()
    {
        var prompt = string.Join(' ', Enumerable.Repeat("a", 75)) + " red apple";

        var outcome = Run([prompt, "--long-prompt", "truncate", "--model", Refused.GoodModel, "--device", "cpu", "--steps", "1", "--quiet"]);

        Assert.Equal(
            ["warning: the prompt is longer than the 75 tokens the model reads; left out: \"red apple\""], outcome.ErrorLines);
    }

    [Fact]
    public void A_file_named_in_full_is_replaced_and_others_are_kept()
    {
        File.WriteAllText(_folder.PathOf("apple.png"), "old");
        File.WriteAllText(_folder.PathOf("apple-1.png"), "old");

        Assert.Equal("apple.png\n", Paint("--seed", "1", "--output", "apple.png").Output);
        Assert.Equal("apple-1-2.png\n", Paint("--seed", "1").Output);
        Assert.Equal("./apple-1-3.png\n", Paint("--seed", "1", "--output", ".").Output);

        Assert.NotEqual("old", File.ReadAllText(_folder.PathOf("apple.png")));
        Assert.Equal("old", File.ReadAllText(_folder.PathOf("apple-1.png")));
        Assert.Equal(Bytes("apple.png"), Bytes("apple-1-2.png"));
    }

    [Theory]
    [InlineData("../../escape", "escape-1.png")]
    [InlineData("/etc/passwd", "etc-passwd-1.png")]
    [InlineData("{index} {seed} {prompt}", "index-seed-prompt-1.png")]
    [InlineData("..", "picture-1.png")]
    [InlineData("", "picture-1.png")]
    [InlineData("line\nbreak", "line-break-1.png")]
    public void A_prompt_cannot_lead_out_of_the_folder(string prompt, string name)
    {
        var outcome = Run([prompt, "--model", Refused.GoodModel, "--device", "cpu", "--steps", "1", "--seed", "1", "--output", "{prompt}-{seed}.png"]);

        Assert.Equal(name + "\n", outcome.Output);
        Assert.Equal([name], _folder.Names());
    }

    [Fact]
    public void One_thread_paints_the_same_picture()
    {
        Paint("--seed", "1", "--output", "many.png");
        Paint("--seed", "1", "--output", "one.png", "--threads", "1");

        var difference = Differences.Largest(PngReader.Read(_folder.PathOf("many.png")).Image, PngReader.Read(_folder.PathOf("one.png")).Image);
        Assert.InRange(difference, 0, 1);
    }

    [Fact]
    public void Help_lists_every_option_with_its_default_and_the_exit_codes()
    {
        string[] withoutDefault =
        [
            "--prompt", "--negative-prompt", "--save-latents", "--scheduler-config", "--latents", "--init-image", "--mask",
            "--lora", "--lora-dir", "--embedding", "--embedding-dir", "--control", "--control-image", "--preset",
            "--variation-seed", "--variation-strength", "--hires-scale", "--steps-to", "--animate", "--from", "--deep-cache", "--variant", "--provider", "--provider-library", "--provider-option", "--cuda-option",
        ];

        var outcome = Run(["help", "all"]);

        var help = string.Join(' ', outcome.Output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        foreach (var option in GenerateCommand.Create().Options.Where(option => option.Name is not ("--help" or "--version")))
        {
            Assert.All([option.Name, .. option.Aliases], name => Assert.Contains(name, help, StringComparison.Ordinal));
            Assert.NotNull(option.Description);
            var isSwitch = option.ValueType == typeof(bool);
            var hasDefault = option.Description.Contains("[default: ", StringComparison.Ordinal) || option.HasDefaultValue;
            Assert.True(isSwitch || hasDefault || withoutDefault.Contains(option.Name), option.Name);
        }

        Assert.Contains("Exit codes: 0 done, 1 failed (model, device), 2 cannot be done (option, input or output file), 130 stopped by Ctrl-C, 143 by SIGTERM.", help, StringComparison.Ordinal);
        Assert.Equal("", outcome.Errors);
    }

    [Fact]
    public void A_JSON_line_says_which_device_painted() => Assert.Equal("cpu", (string?)JsonNode.Parse(Paint("--json").Output)!["device"]);

    [Fact]
    public void The_version_is_told() => Assert.Matches(@"^\d+\.\d+\.\d+", Run(["--version"]).Output);

    [Theory]
    [InlineData("apple", "INT", 130, "stopped; pictures already reported are complete.")]
    [InlineData("apple", "TERM", 143, "stopped; pictures already reported are complete.")]
    [InlineData("explain apple", "INT", 130, "stopped; nothing was written.")]
    [InlineData("explain apple", "TERM", 143, "stopped; nothing was written.")]
    public void A_signal_stops_the_painting_and_leaves_no_file(string words, string signal, int exitCode, string error)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Signals are sent with kill.");

        // The embedded model: a thousand steps of 256 x 256 pixels take minutes.
        using var program = SdProgram.Start([.. words.Split(' '), "--steps", "1000", "--device", "cpu", "--verbose", "--seed", "1"], _folder.Path);
        Assert.Contains("device cpu", program.StandardError.ReadLine(), StringComparison.Ordinal);
        Thread.Sleep(1500);

        SdProgram.Stop(program, signal);

        Assert.Equal(exitCode, program.ExitCode);
        Assert.Equal($"error: {error}", program.StandardError.ReadToEnd().TrimEnd().Split('\n')[^1]);
        Assert.Equal("", program.StandardOutput.ReadToEnd());
        Assert.Empty(_folder.Names());
    }

    /// <summary>Work that goes on for minutes, of which each result is reported.</summary>
    [Theory]
    [InlineData("decode", "INT", 130)]
    [InlineData("noise", "TERM", 143)]
    public void A_signal_stops_every_command_that_works_for_long(string command, string signal, int exitCode)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Signals are sent with kill.");
        using (var latents = File.Create(_folder.PathOf("many.npy")))
        {
            NpyFile.Write(latents, [20_000, 4, 8, 8], new float[20_000 * 4 * 8 * 8]);
        }

        Paint("--seed", "1", "--output", "apple.png");
        string[] options = command == "decode" ? ["many.npy", "-o", "out.png"] : ["apple.png", "-o", "out", "--timesteps", string.Join(',', Enumerable.Range(0, 20_000).Select(i => i % 1000))];
        using var program = SdProgram.Start([command, .. options, "--model", Refused.GoodModel, "--device", "cpu"], _folder.Path);
        var first = program.StandardOutput.ReadLine();

        SdProgram.Stop(program, signal);

        Assert.NotNull(first);
        Assert.Equal((exitCode, "error: stopped; files already reported are complete."), (program.ExitCode, program.StandardError.ReadToEnd().TrimEnd()));
    }

    /// <summary>A line of JSON that is longer than a pipe holds, and that nobody reads to its end: the program hangs in writing it.</summary>
    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    public void A_second_signal_ends_what_the_first_cannot(string second, int exitCode)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Signals are sent with kill.");
        using var program = SdProgram.Start(
            ["-", "--model", Refused.GoodModel, "--device", "cpu", "--steps", "1", "--seed", "1", "--output", "apple.png", "--json", "--quiet"], _folder.Path);
        program.StandardInput.Write($"apple{new string(' ', 200_000)}tree");
        program.StandardInput.Close();
        Assert.NotEqual(-1, program.StandardOutput.Read());

        SdProgram.Signal(program, "INT");
        Assert.False(program.WaitForExit(TimeSpan.FromMilliseconds(300)));

        // Again and again: one that comes before the first is dealt with counts as the same.
        for (var i = 0; i < 1000 && !program.WaitForExit(TimeSpan.FromMilliseconds(300)); i++)
        {
            SdProgram.Signal(program, second);
        }

        program.Kill(); // does nothing to one that has ended
        Assert.Equal((exitCode, ""), (program.ExitCode, program.StandardError.ReadToEnd()));
        Assert.Equal(["apple.png"], _folder.Names());
        Assert.Equal(64, PngReader.Read(_folder.PathOf("apple.png")).Image.Width);
    }

    [Fact]
    public void Pictures_reported_before_a_signal_are_whole()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Signals are sent with kill.");
        using var program = SdProgram.Start(
            ["apple", "--model", Refused.GoodModel, "--device", "cpu", "--steps", "2", "--seed", "0..999999", "--output", "{seed}.png", "--quiet"], _folder.Path);
        List<string> reported = [program.StandardOutput.ReadLine()!, program.StandardOutput.ReadLine()!];

        SdProgram.Stop(program, "INT");

        Assert.Equal(130, program.ExitCode);
        reported.AddRange(program.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(reported.Order(StringComparer.Ordinal), _folder.Names());
        Assert.All(reported, name => Assert.Equal(64, PngReader.Read(_folder.PathOf(name)).Image.Width));
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>Paints "apple" in two steps with the small model.</summary>
    private SdProgram.Outcome Paint(params string[] arguments) =>
        Run(["apple", "--model", Refused.GoodModel, "--device", "cpu", "--steps", "2", .. arguments]);

    private SdProgram.Outcome Run(string[] arguments, string input = "")
    {
        var outcome = SdProgram.Run(arguments, _folder.Path, input);
        Assert.True(outcome.ExitCode == 0, outcome.Errors);
        return outcome;
    }

    private byte[] Bytes(string name) => File.ReadAllBytes(_folder.PathOf(name));

    private GenerationParameters ParametersOf(string name)
    {
        var text = PngReader.ReadTexts(_folder.PathOf(name)).Single(text => text.Key == GenerationParameters.Keyword).Value;
        Assert.True(GenerationParameters.TryParse(text, out var parameters));
        return parameters;
    }
}
