namespace StableDiffusion.Tests;

/// <summary>The linear map from latents to colours that previews are drawn with.</summary>
public class LatentColoursTests
{
    /// <summary>A decoder that is linear itself is found: its weights are made up here.</summary>
    [Theory]
    [InlineData(4)]
    [InlineData(16)]
    public void A_linear_decoder_is_found(int channels)
    {
        var sample = LatentColours.Sample(channels, 32, 24);
        var colours = new LatentColours(channels);
        colours.Add(sample, Linear(sample));

        var other = sample.With([.. sample.Values.Reverse()]);
        var (expected, shown) = (Linear(other), colours.Draw(other));
        Assert.Equal((24, 32), (shown.Width, shown.Height));
        Assert.All(expected.Pixels.ToArray().Zip(shown.Pixels.ToArray()), pair => Assert.InRange(pair.Second, pair.First - 2, pair.First + 2)); // bytes were rounded twice
    }

    /// <summary>
    /// On pictures of the embedded model the map must explain most of what there is to see: the squared difference from the decoder's picture
    /// against that of the picture's own mean colour, where 1 would be no better than one colour for all. Measured 0.156.
    /// </summary>
    [Fact]
    public void The_embedded_models_pictures_are_recognised()
    {
        var request = new ImageRequest { Prompt = "a red apple, 3d render", Seeds = [1], Steps = 8 };
        using var pipeline = TextToImagePipeline.Load(Path.Combine(Repository.Root, "models", "emoji-256"), new PipelineOptions { Device = ExecutionDevice.Cpu });
        var colours = pipeline.FitColours(request, TestContext.Current.CancellationToken);
        var picture = pipeline.Generate(request, null, TestContext.Current.CancellationToken).Single();
        Assert.InRange(Unexplained(colours, picture), 0, 0.4);

        // A picture that is known makes the next ones better.
        var before = Unexplained(colours, picture);
        colours.Add(picture.Latents, picture.Image);
        Assert.True(Unexplained(colours, picture) < before);
    }

    /// <summary>Exports of fixed shape are asked for the size they have.</summary>
    [Theory]
    [InlineData("sd1-static")]
    [InlineData("sd1-fp16")]
    [InlineData("sdxl")]
    public void Every_decoder_can_be_fitted(string model)
    {
        var request = new ImageRequest { Prompt = "a cat", Steps = 2 };
        using var pipeline = TextToImagePipeline.Load(Goldens.PathOf("models", model), new PipelineOptions { Device = ExecutionDevice.Cpu, OneNetworkAtATime = true });
        var colours = pipeline.FitColours(request, TestContext.Current.CancellationToken);
        var picture = pipeline.Generate(request, null, TestContext.Current.CancellationToken).Single();
        var shown = colours.Draw(picture.Latents);
        Assert.Equal((picture.Latents.Width, picture.Latents.Height), (shown.Width, shown.Height));
        Assert.Equal(picture.Image.Pixels.ToArray(), pipeline.Decode(picture.Latents, TestContext.Current.CancellationToken).Pixels.ToArray());
    }

    private static double Unexplained(LatentColours colours, GeneratedImage picture)
    {
        var shown = colours.Draw(picture.Latents).Pixels.ToArray();
        var wanted = ImageResizer.Resize(picture.Image, picture.Latents.Width, picture.Latents.Height, ResizeFilter.Bilinear).Pixels.ToArray();
        double[] means = [.. Enumerable.Range(0, 3).Select(colour => wanted.Where((_, i) => i % 3 == colour).Average(value => (double)value))];
        return wanted.Select((value, i) => Math.Pow(value - shown[i], 2)).Sum() / wanted.Select((value, i) => Math.Pow(value - means[i % 3], 2)).Sum();
    }

    private static RgbImage Linear(Latents latents)
    {
        var plane = latents.Height * latents.Width;
        var pixels = new byte[3 * plane];
        for (var i = 0; i < pixels.Length; i++)
        {
            var sum = 128.0;
            for (var channel = 0; channel < latents.Channels; channel++)
            {
                sum += ((((channel * 7) + (i % 3 * 5)) % 11) - 5) * latents.Values[(channel * plane) + (i / 3)] * 16 / latents.Channels;
            }

            pixels[i] = (byte)Math.Clamp(Math.Round(sum), 0, 255);
        }

        return new RgbImage(latents.Width, latents.Height, pixels);
    }
}
