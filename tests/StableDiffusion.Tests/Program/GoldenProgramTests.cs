namespace StableDiffusion.Tests;

/// <summary>The built program, end to end, against the pictures of diffusers.</summary>
public sealed class GoldenProgramTests
{
    public static TheoryData<string, string> CasesAndExports =>
        [.. from one in GoldenCase.All
            where one.Model == "sd1" && one.Scheduler is "pndm" or "ddim" or "euler" or "euler_a" or "dpmpp_2m"
            from export in (string[])["sd1", "sd1-legacy", "sd1-external", "sd1-static"]
            where one.Model == "sd1" && (export != "sd1-static" || one.IsSquare64)
            select (one.Name, export)];

    [Theory]
    [MemberData(nameof(CasesAndExports))]
    public void The_program_paints_what_diffusers_painted(string name, string export)
    {
        using var folder = new TemporaryFolder();
        var golden = GoldenCase.Named(name);

        var outcome = SdProgram.Run(
            [.. golden.ToArguments(), "--model", Goldens.PathOf("models", export), "--device", "cpu",
             "--output", folder["{index}.png"], "--save-latents", folder["latents.npy"]]);

        Assert.True(outcome.ExitCode == 0, outcome.Errors);
        Assert.Equal(Enumerable.Range(0, golden.Images).Select(i => folder[$"{i}.png"]), outcome.OutputLines);
        var difference = Differences.Largest(NpyFile.Read(folder["latents.npy"]).Values, golden.Latents);
        Assert.True(difference <= (golden.ClipsSamples ? 1e-2 : 1e-3), $"the latents differ by {difference:E1}");
        foreach (var (path, expected) in outcome.OutputLines.Zip(golden.Pictures))
        {
            Assert.InRange(Differences.Largest(PngReader.ReadRgb(path), PngReader.ReadRgb(expected)), 0, 2);
        }
    }
}
