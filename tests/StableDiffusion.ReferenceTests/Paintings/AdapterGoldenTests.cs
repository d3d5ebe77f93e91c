namespace StableDiffusion.Tests;

/// <summary>What diffusers 0.39 with PEFT 0.21 paints with LoRAs and textual inversions: goldens/lora.</summary>
public sealed class AdapterGoldenTests(Pipelines pipelines) : IClassFixture<Pipelines>
{
    /// <summary>That of the pictures without adapters (goldens/README.md).</summary>
    private const double LatentTolerance = 1e-3;

    private const int PixelTolerance = 2;

    public static TheoryData<string> Names => [.. GoldenCase.Adapters.Select(one => one.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void The_latents_and_pictures_are_those_of_diffusers(string name)
    {
        var golden = GoldenCase.Adapters.Single(one => one.Name == name);

        var picture = pipelines.Of(golden.Model).Generate(golden.ToRequest()).Single();

        var difference = Differences.Largest(picture.Latents.Values, golden.Latents);
        var levels = Differences.Largest(picture.Image, PngReader.Read(golden.Pictures[0]).Image);
        ParityTable.Record(name, "LoRA and textual inversion", difference, levels);
        Assert.True(difference <= LatentTolerance, $"the latents differ by {difference:E1}");
        Assert.InRange(levels, 0, PixelTolerance);
    }
}
