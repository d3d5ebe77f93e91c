namespace StableDiffusion.Tests;

/// <summary>The built program, end to end, against the pictures of diffusers.</summary>
public sealed class GoldenProgramTests
{
    private static readonly string[] _schedulers = ["pndm", "ddim", "euler", "euler_a", "dpmpp_2m"];

    /// <summary>Every case of these schedulers on the plain export, one of each on the others.</summary>
    public static TheoryData<string, string> CasesAndExports =>
        [.. from scheduler in _schedulers
            from export in (string[])["sd1", "sd1-legacy", "sd1-external", "sd1-static"]
            from one in GoldenCase.All
                .Where(one => one.Model == "sd1" && one.Scheduler == scheduler && (export != "sd1-static" || one.IsSquare64))
                .Take(export == "sd1" ? int.MaxValue : 1)
            select (one.Name, export)];

    [Theory]
    [MemberData(nameof(CasesAndExports))]
    public void The_program_paints_what_diffusers_painted(string name, string export)
    {
        using var folder = new TemporaryFolder();
        var golden = GoldenCase.Named(name);

        var outcome = SdProgram.Run(
            [.. golden.ToArguments(), "--model", Goldens.PathOf("models", export), "--device", "cpu",
             "--output", folder.PathOf("{index}.png"), "--save-latents", folder.PathOf("latents.npy")]);

        Assert.True(outcome.ExitCode == 0, outcome.Errors);
        Assert.Equal(Enumerable.Range(0, golden.Images).Select(i => folder.PathOf($"{i}.png")), outcome.OutputLines);
        var difference = Differences.Largest(NpyFile.Read(folder.PathOf("latents.npy")).Values, golden.Latents);
        Assert.True(difference <= (golden.ClipsSamples ? 1e-2 : 1e-3), $"the latents differ by {difference:E1}");
        foreach (var (path, expected) in outcome.OutputLines.Zip(golden.Pictures))
        {
            Assert.InRange(Differences.Largest(PngReader.Read(path).Image, PngReader.Read(expected).Image), 0, 2);
        }
    }
}
