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

    public void Dispose() => _shifted.Dispose();

    private static VaeCodec Codec(ModelFolder folder) => new(folder, new NetworkLoader(folder, new OnnxRuntimeHost(ExecutionDevice.Cpu, threads: 1)));

    private static float[] Floats(RgbImage image) => [.. image.Pixels.ToArray().Select(level => (float)level)];
}
