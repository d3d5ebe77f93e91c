namespace StableDiffusion.Tests;

/// <summary>SD 3, Flux, DiT and latent diffusion as diffusers 0.39 on PyTorch (CPU, float32) paints them: goldens/families.</summary>
public sealed class FamilyPictureTests(Pipelines pipelines) : IClassFixture<Pipelines>
{
    private const int PixelTolerance = 2;

    public static TheoryData<string> Names => [.. GoldenCase.Families.Select(one => one.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void The_latents_and_pictures_are_those_of_diffusers(string name)
    {
        var golden = GoldenCase.Families.Single(one => one.Name == name);
        var pictures = pipelines.In(FamilyGoldens.PathOf("models", golden.Model)).Generate(golden.ToRequest()).ToList();

        var expected = golden.Latents;
        var difference = Differences.Largest(golden.LatentsOf(pictures), expected);
        Assert.Equal(golden.Images, pictures.Count);
        var levels = pictures.Zip(golden.Pictures, (picture, path) => Differences.Largest(picture.Image, PngReader.Read(path).Image)).Max();
        ParityTable.Record(pictures[0].Parameters.Sampler!, golden.Model, difference, levels);

        // goldens/README.md: ONNX Runtime under diffusers' schedulers came within 3e-4 where values reach 500.
        Assert.True(difference <= 1e-3 + (2e-6 * expected.Max(MathF.Abs)), $"the latents differ by {difference:E1}");
        Assert.InRange(levels, 0, PixelTolerance);
    }
}
