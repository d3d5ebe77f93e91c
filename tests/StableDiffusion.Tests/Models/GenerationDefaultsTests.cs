namespace StableDiffusion.Tests;

/// <summary>The defaults of diffusers' pipelines, by the family that a folder shows itself to be of.</summary>
public class GenerationDefaultsTests
{
    [Theory]
    [InlineData("sd1", 50, 7.5, 0.8)]
    [InlineData("sd2", 50, 7.5, 0.8)]
    [InlineData("sdxl", 50, 5, 0.3)]
    [InlineData("turbo", 4, 0, 0.5)]
    [InlineData("lcm", 4, 8.5, 0.8)]
    [InlineData("inpaint", 50, 7.5, 1)]
    public void A_family_has_its_defaults(string model, int steps, double guidanceScale, double strength) =>
        Assert.Equal(
            new GenerationDefaults(steps, guidanceScale, strength), ModelFolder.Open(Goldens.PathOf("models", model)).Defaults);

    [Fact]
    public void The_file_of_a_folder_comes_first() =>
        Assert.Equal(
            new GenerationDefaults(25, 2.5, 0.6), ModelFolder.Open(Path.Combine(Repository.Root, "models", "emoji-256")).Defaults);
}
