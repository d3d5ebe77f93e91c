namespace StableDiffusion.Tests;

/// <summary>The pictures of diffusers 0.39 on PyTorch (CPU, float32), painted by the library: goldens/pictures.</summary>
public sealed class GoldenPictureTests(Pipelines pipelines) : IClassFixture<Pipelines>
{
    /// <summary>Final latents of the reference differ between two engines by 2e-4 at most (goldens/README.md).</summary>
    private const double LatentTolerance = 1e-3;

    /// <summary>With clip_sample, 2e-3.</summary>
    private const double ClippedLatentTolerance = 1e-2;

    /// <summary>Measured 0.51 where values reach 70, and 1.6 with clip_sample.</summary>
    private const double HalfLatentTolerance = 0.75;

    private const double ClippedHalfLatentTolerance = 3;

    private const int PixelTolerance = 2;

    public static TheoryData<string> Names => [.. GoldenCase.All.Select(one => one.Name)];

    public static TheoryData<string, string> NamesOnOtherExports =>
        [.. from one in GoldenCase.All
            where one.Model == "sd1"
            from export in (string[])["sd1-legacy", "sd1-external", "sd1-static"]
            where export != "sd1-static" || one.IsSquare64
            where export != "sd1-legacy" || one.HasWholeTimesteps
            select (one.Name, export)];

    public static TheoryData<string, string> NamesOnHalfPrecisionExports =>
        [.. from one in GoldenCase.All
            where one is { Model: "sd1", Scheduler: "ddim" or "euler" or "dpmpp_2m" }
            from export in (string[])["sd1-fp16", "sd1-fp16-io32"]
            select (one.Name, export)];

    [Theory]
    [MemberData(nameof(Names))]
    public void The_latents_and_pictures_are_those_of_diffusers(string name) => Check(name, GoldenCase.Named(name).Model);

    [Theory]
    [MemberData(nameof(NamesOnOtherExports))]
    public void Other_exports_of_the_same_model_paint_the_same(string name, string export) => Check(name, export);

    /// <summary>Half precision keeps 11 bits of weights and sums.</summary>
    [Theory]
    [MemberData(nameof(NamesOnHalfPrecisionExports))]
    public void Half_precision_exports_come_close(string name, string export)
    {
        var golden = GoldenCase.Named(name);
        var pictures = pipelines.Of(export).Generate(golden.ToRequest()).ToList();

        var difference = Differences.Largest(LatentsOf(pictures), golden.Latents);
        ParityTable.Record(golden.Name, export, difference, levels: -1);
        Assert.True(difference <= (golden.ClipsSamples ? ClippedHalfLatentTolerance : HalfLatentTolerance), $"the latents differ by {difference:E1}");
    }

    private static float[] LatentsOf(IEnumerable<GeneratedImage> pictures) => [.. pictures.SelectMany(picture => picture.Latents.Values)];

    private void Check(string name, string model)
    {
        var golden = GoldenCase.Named(name);
        var pictures = pipelines.Of(model).Generate(golden.ToRequest()).ToList();

        var difference = Differences.Largest(golden.LatentsOf(pictures), golden.Latents);
        Assert.Equal(Math.Max(golden.Pictures.Count, golden.Images), pictures.Count);
        var levels = pictures.Zip(golden.Pictures, (picture, path) => Differences.Largest(picture.Image, PngReader.Read(path).Image)).Max();
        ParityTable.Record(pictures[0].Parameters.Sampler!, model, difference, levels);
        Assert.True(
            difference <= (golden.ClipsSamples ? ClippedLatentTolerance : LatentTolerance), $"the latents differ by {difference:E1}");
        Assert.InRange(levels, 0, PixelTolerance);
    }
}
