using System.Text.Json.Nodes;

namespace StableDiffusion.Tests;

/// <summary>The scale and the shift between latents and what the autoencoder reads (Stable Diffusion 3 and Flux have a shift, the golden models have none).</summary>
public sealed class VaeCodecTests : IDisposable
{
    private const double Shift = 0.25;

    private readonly TemporaryFolder _shifted = new();

    public VaeCodecTests()
    {
        _shifted.Fill(Plain.Path);

        var config = _shifted.PathOf("vae_decoder/config.json");
        var entries = JsonNode.Parse(File.ReadAllText(config))!;
        entries["shift_factor"] = Shift;
        File.WriteAllText(config, entries.ToJsonString());
    }

    private static ModelFolder Plain { get; } = ModelFolder.Open(Goldens.PathOf("models", "sd1"));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    // diffusers decodes latents / scaling_factor + shift_factor: the same as without a shift, of latents that are larger by shift · scale.
    [Fact]
    public void Decoding_adds_the_shift_after_the_scale()
    {
        float[] values = [.. Enumerable.Range(0, 4 * 8 * 8).Select(i => MathF.Sin(i))];
        var larger = values.Select(value => value + (float)(Shift * Plain.Vae.ScalingFactor)).ToArray();
        using var plain = Codec(Plain);
        using var shifted = Codec(ModelFolder.Open(_shifted.Path));

        var expected = plain.Decode(new Latents(larger, 1, 4, 8, 8), Cancellation);
        Assert.InRange(Differences.Largest(Floats(expected), Floats(shifted.Decode(new Latents(values, 1, 4, 8, 8), Cancellation))), 0, 1);
        Assert.NotEqual(expected.Pixels, plain.Decode(new Latents(values, 1, 4, 8, 8), Cancellation).Pixels);
    }

    // And encodes (latents − shift_factor) · scaling_factor.
    [Fact]
    public void Encoding_takes_the_shift_off_before_the_scale()
    {
        float[] pixels = [.. Enumerable.Range(0, 3 * 64 * 64).Select(i => MathF.Sin(i))];
        using var plain = Codec(Plain);
        using var shifted = Codec(ModelFolder.Open(_shifted.Path));

        var without = plain.Encode(pixels, 64, 64, new TorchRandom(1), Cancellation).Values;
        var with = shifted.Encode(pixels, 64, 64, new TorchRandom(1), Cancellation).Values;

        Assert.All(without.Zip(with), pair => Assert.Equal(pair.First - (float)(Shift * Plain.Vae.ScalingFactor), pair.Second, 1e-4f));
    }

    // StableDiffusionXLPipeline decodes latents · std / scaling_factor + mean, its Img2Img encodes (latents − mean) · scaling_factor / std;
    // StableDiffusionPipeline does not look at the two.
    [Theory]
    [InlineData("sdxl", true)]
    [InlineData("sd1", false)]
    public void Latents_of_SDXL_are_normalized_by_mean_and_deviation_of_each_channel(string model, bool counts)
    {
        float[] mean = [-1.6574f, 1.886f, -1.383f, 2.5155f], deviation = [8.4927f, 5.9022f, 6.5498f, 5.2299f];
        using var copy = new TemporaryFolder();
        copy.Fill(Goldens.PathOf("models", model));
        var plain = ModelFolder.Open(Goldens.PathOf("models", model)).Vae;
        var entries = JsonNode.Parse(File.ReadAllText(copy.PathOf("vae_decoder/config.json")))!;
        entries["latents_mean"] = new JsonArray([.. mean.Select(value => JsonValue.Create(value))]);
        entries["latents_std"] = new JsonArray([.. deviation.Select(value => JsonValue.Create(value))]);
        File.WriteAllText(copy.PathOf("vae_decoder/config.json"), entries.ToJsonString());
        var normalized = ModelFolder.Open(copy.Path).Vae;

        float[] latents = [.. Enumerable.Range(0, 4 * 3).Select(i => MathF.Sin(i))];
        var decoded = normalized.ToDecoder(latents);
        var again = decoded.ToArray();
        normalized.FromEncoder(again);

        var scale = (float)plain.ScalingFactor;
        var expected = counts ? [.. latents.Select((value, i) => (value * deviation[i / 3] / scale) + mean[i / 3])] : plain.ToDecoder(latents);
        Assert.Equal(expected, decoded);
        Assert.True(Differences.Largest(latents, again) < 1e-5);
    }

    [Theory]
    [InlineData("[0, 1, 2]")]
    [InlineData("[1, 1, 0, 1]")]
    [InlineData("[1, 1, \"a\", 1]")]
    [InlineData("1")]
    public void Deviations_that_make_no_sense_are_refused(string deviations)
    {
        using var copy = new TemporaryFolder();
        copy.Fill(Goldens.PathOf("models", "sdxl"));
        var config = copy.PathOf("vae_decoder/config.json");
        var entries = JsonNode.Parse(File.ReadAllText(config))!;
        entries["latents_mean"] = new JsonArray(0, 0, 0, 0);
        entries["latents_std"] = JsonNode.Parse(deviations);
        File.WriteAllText(config, entries.ToJsonString());

        Assert.Contains("'latents_std'", Assert.Throws<ModelException>(() => ModelFolder.Open(copy.Path)).Message, StringComparison.Ordinal);
    }

    public void Dispose() => _shifted.Dispose();

    private static VaeCodec Codec(ModelFolder folder) => new(folder, new NetworkLoader(folder, new OnnxRuntimeHost(ExecutionDevice.Cpu, threads: 1)));

    private static float[] Floats(RgbImage image) => [.. image.Pixels.ToArray().Select(level => (float)level)];
}
