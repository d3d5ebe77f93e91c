using System.Text.Json.Nodes;

namespace StableDiffusion.Tests;

/// <summary><c>sd optimize</c>, and <c>--precision</c>.</summary>
public sealed class OptimizeProgramTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_copy_is_reported_and_opens_like_any_other_model()
    {
        var run = SdProgram.Run("optimize", Goldens.PathOf("models", "sd1"), "-o", _folder.PathOf("copy"), "--json", "--steps", "2", "--seeds", "2", "--device", "cpu");
        Assert.Equal((0, 1), (run.ExitCode, run.OutputLines.Count));
        var report = JsonNode.Parse(run.Output)!;
        Assert.Equal(["text_encoder", "unet", "vae_decoder", "vae_encoder"], report["networks"]!.AsArray().Select(one => (string)one!["part"]!).Order(StringComparer.Ordinal));

        // Fused attention differs in the last bits of each step.
        var comparison = report["comparison"]!;
        Assert.Equal(2, (int)comparison["seeds"]!);
        Assert.InRange((double)comparison["latents_largest_difference"]!, 0, 1e-3);
        Assert.InRange((int)comparison["levels_largest_difference"]!, 0, 1);
        Assert.Equal(0, SdProgram.Run("inspect", _folder.PathOf("copy")).ExitCode);
        Assert.Equal(["copy"], _folder.Names());
    }

    /// <summary>The words' maps are read off attention that is not fused.</summary>
    [Fact]
    public void An_explanation_says_what_it_cannot_show_of_a_copy()
    {
        var copy = _folder.PathOf("copy");
        Assert.Equal(0, SdProgram.Run("optimize", Goldens.PathOf("models", "sd1"), "-o", copy, "--seeds", "0").ExitCode);

        var explained = SdProgram.Run("explain", "a cat", "-m", copy, "--steps", "2", "-W", "64", "-H", "64", "-o", _folder.PathOf("cat.html"));

        Assert.Equal(0, explained.ExitCode);
        Assert.Contains("where words are looked at is left out", explained.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sd3")]
    [InlineData("flux-dev")]
    [InlineData("dit")]
    [InlineData("ldm-bert")]
    [InlineData("ldm-uncond")]
    public void Every_family_is_painted_with_for_the_comparison(string model)
    {
        var run = SdProgram.Run("optimize", FamilyGoldens.PathOf("models", model), "-o", _folder.PathOf("copy"), "--precision", "w8", "--json", "--steps", "2", "--seeds", "1", "--device", "cpu");

        Assert.Equal(0, run.ExitCode);
        var report = JsonNode.Parse(run.Output)!;
        var denoiser = report["networks"]!.AsArray().Single(one => (string)one!["part"]! is "unet" or "transformer")!;
        Assert.InRange((int)denoiser["weights_made_smaller"]!, 5, 200);
        Assert.InRange((double)report["comparison"]!["latents_mean_difference"]!, 1e-5, 0.05 * (double)report["comparison"]!["latents_reach"]!);
    }

    /// <summary>A text encoder of BERT's, a U-Net without a text.</summary>
    [Theory]
    [InlineData("ldm-bert")]
    [InlineData("ldm-uncond")]
    public void Convolutions_are_computed_with_8_bits_by_what_given_prompts_show(string model)
    {
        File.WriteAllText(_folder.PathOf("prompts.txt"), "a red apple\r\n\n  a cat\n");
        var run = SdProgram.Run(
            "optimize", FamilyGoldens.PathOf("models", model), "-o", _folder.PathOf("copy"), "--precision", "int8", "--calibration-prompts", _folder.PathOf("prompts.txt"), "--json", "--steps", "2", "--seeds", "1", "--device", "cpu");

        Assert.Equal(0, run.ExitCode);
        Assert.Contains(run.ErrorLines, line => line.EndsWith("looking at picture 2 of 2", StringComparison.Ordinal));
        var report = JsonNode.Parse(run.Output)!;
        Assert.InRange((double)report["comparison"]!["latents_mean_difference"]!, 1e-5, 0.05 * (double)report["comparison"]!["latents_reach"]!);
        Assert.Contains(OnnxGraph.Load(_folder.PathOf("copy/unet/model.onnx")).Nodes, node => node.OpType == "QuantizeLinear");
    }

    [Fact]
    public void Refusals_are_one_line_and_write_nothing()
    {
        File.WriteAllText(_folder.PathOf("file"), "");
        File.WriteAllBytes(_folder.PathOf("latin1"), [(byte)'c', 0xE2, (byte)'t']);
        (string[] Arguments, string Says)[] all =
        [
            (["optimize", Goldens.PathOf("models", "sd1"), "-o", _folder.PathOf("file")], "is there already; give a folder that is empty or new."),
            (["optimize", Goldens.PathOf("models", "sd1"), "-o", _folder.PathOf("copy"), "--precision", "int4"], "--precision int4 is not known; give full, fp16, w8 or int8."),
            (["optimize", FamilyGoldens.PathOf("models", "sd3"), "-o", _folder.PathOf("copy"), "--precision", "int8"], "--precision int8 is for U-Nets, and sd3 has a transformer; give w8."),
            (["optimize", Goldens.PathOf("models", "sd1"), "-o", _folder.PathOf("copy"), "--calibration-prompts", _folder.PathOf("file")], "--calibration-prompts is for --precision int8; leave it out."),
            (["optimize", Goldens.PathOf("models", "sd1"), "-o", _folder.PathOf("copy"), "--precision", "int8", "--calibration-prompts", _folder.PathOf("file")], "holds no prompt; write one a line."),
            (["optimize", Goldens.PathOf("models", "sd1"), "-o", _folder.PathOf("copy"), "--precision", "int8", "--calibration-prompts", _folder.PathOf("none")], "does not exist; check the name of the file of prompts."),
            (["optimize", Goldens.PathOf("models", "sd1"), "-o", _folder.PathOf("copy"), "--precision", "int8", "--calibration-prompts", _folder.PathOf("latin1")], "latin1 is not UTF-8 text; save it as UTF-8."),
            (["optimize", Goldens.PathOf("models", "sd1"), "-o", _folder.PathOf("copy"), "--variant", "fp16"], "--variant fp16: "),

            // Before minutes go into seeing what goes through the networks.
            (["optimize", Goldens.PathOf("models", "sd1"), "-o", "/proc/copy", "--precision", "int8"], "/proc/copy cannot be written: /proc takes no files; choose another folder."),
            (["optimize", Goldens.PathOf("models", "sd1"), "-o", _folder.PathOf("file/copy"), "--precision", "int8"], "file is a file, not a folder; choose another."),
            (["optimize", Goldens.PathOf("models", "sd1"), "-o", _folder.PathOf(new string('x', 300)), "--precision", "int8"], "cannot be written: the name is too long; choose a shorter one."),
            (["optimize", Goldens.PathOf("models", "sd1"), "-o", "", "--precision", "int8"], "'' cannot be written: the name is empty"),
            (["optimize", Goldens.PathOf("models", "sd1"), "-o", _folder.PathOf("copy"), "--seeds", "-1"], "--seeds -1 must be from 0 to 1000."),
            (["optimize", Goldens.PathOf("models", "sd1"), "-o", _folder.PathOf("copy"), "--steps", "0"], "--steps 0 must be "),
            (["a cat", "-m", Goldens.PathOf("models", "sd1"), "--precision", "fp16", "-o", _folder.PathOf("x.png")], "--precision fp16 is not known; give full or w8 (int8 is for 'optimize', which writes a model of its own)."),
        ];
        foreach (var (arguments, says) in all)
        {
            var refused = SdProgram.Run(arguments);
            Assert.Equal((2, ""), (refused.ExitCode, refused.Output));
            Assert.Contains(says, Assert.Single(refused.ErrorLines), StringComparison.Ordinal);
        }

        Assert.Equal(["file", "latin1"], _folder.Names());
    }

    [Fact]
    public void A_picture_with_weights_of_8_bits_says_so_where_it_is_painted_again()
    {
        var picture = _folder.PathOf("x.png");
        Assert.Equal(0, SdProgram.Run("a cat", "-m", Goldens.PathOf("models", "sd1"), "--precision", "w8", "--seed", "1", "--steps", "1", "-o", picture).ExitCode);
        var again = SdProgram.Run("--from", picture, "-m", Goldens.PathOf("models", "sd1"), "-o", _folder.PathOf("y.png"));

        Assert.Equal(0, again.ExitCode);
        Assert.Contains(again.ErrorLines, line => line.Contains("--precision w8 paints it so.", StringComparison.Ordinal));
    }
    [Fact]
    public void A_variant_with_weights_of_16_bits_becomes_a_smaller_copy_that_paints_nearly_the_same()
    {
        // Another model's decoder as the variant shows which of the two is copied.
        var model = _folder.PathOf("both");
        _folder.Fill(Goldens.PathOf("models", "sd1"), "both");
        File.Copy(Goldens.PathOf("models", "lcm", "vae_decoder", "model.onnx"), Path.Combine(model, "vae_decoder", "model_fp16.onnx"));

        var run = SdProgram.Run("optimize", model, "-o", _folder.PathOf("copy"), "--variant", "fp16", "--precision", "fp16", "--json", "--steps", "2", "--seeds", "1", "--device", "cpu");

        Assert.True(run.ExitCode == 0, run.Errors);
        var report = JsonNode.Parse(run.Output)!;
        Assert.All(report["networks"]!.AsArray(), network => Assert.InRange((long)network!["bytes_after"]!, 1, (long)network["bytes_before"]! * 3 / 4));
        Assert.All(report["networks"]!.AsArray(), network => Assert.InRange((int)network!["weights_made_smaller"]!, 5, 1000));

        // Weights rounded to 11 bits.
        Assert.InRange((double)report["comparison"]!["latents_largest_difference"]!, 1e-6, 0.05 * (double)report["comparison"]!["latents_reach"]!);
        RgbImage Paint(string name, params string[] options)
        {
            Assert.Equal(0, SdProgram.Run(["a cat", "-s", "1", "--steps", "2", "--device", "cpu", "-q", "-o", _folder.PathOf(name), .. options]).ExitCode);
            return PngReader.Read(_folder.PathOf(name)).Image;
        }

        var (copy, variant, plain) = (Paint("copy.png", "-m", _folder.PathOf("copy")), Paint("variant.png", "-m", model, "--variant", "fp16"), Paint("plain.png", "-m", model));
        Assert.InRange(Differences.Mean(copy, variant), 0, 2);
        Assert.InRange(Differences.Mean(copy, plain), 10, 255);
    }

    [Theory]
    [InlineData("int8", "looking at picture 1 of 8", "INT", 130)]
    [InlineData("w8", "painting with both", "TERM", 143)]
    public void A_signal_leaves_nothing_of_a_copy(string precision, string moment, string signal, int exitCode)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Signals are sent with kill.");

        // Nine hundred steps for each of hundreds of pictures take minutes.
        using var program = SdProgram.Start(
            ["optimize", Goldens.PathOf("models", "sd1"), "-o", _folder.PathOf("copy"), "--precision", precision, "--steps", "900", "--seeds", "500", "--device", "cpu"]);
        string? line;
        while ((line = program.StandardError.ReadLine()) is not null && !line.EndsWith(moment, StringComparison.Ordinal))
        {
        }

        Assert.NotNull(line);
        var unfinished = _folder.Names();

        SdProgram.Stop(program, signal);

        Assert.Equal((exitCode, "", "error: stopped; nothing was written.\n"), (program.ExitCode, program.StandardOutput.ReadToEnd(), program.StandardError.ReadToEnd()));
        Assert.Equal(precision == "w8" ? 1 : 0, unfinished.Length);
        Assert.DoesNotContain("copy", unfinished);
        Assert.Empty(_folder.Names());
    }
}
