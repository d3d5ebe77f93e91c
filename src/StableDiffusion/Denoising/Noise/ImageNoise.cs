namespace StableDiffusion;

/// <summary>Which generator random numbers come from.</summary>
public enum RandomGenerator
{
    /// <summary>PyTorch's on the CPU (Mersenne Twister), as diffusers with a CPU generator.</summary>
    Cpu,

    /// <summary>NVIDIA's as AUTOMATIC1111's webui imitates it (Philox; "RNG: NV").</summary>
    Nvidia,
}

/// <summary>Seeded noise sources.</summary>
internal static class ImageNoise
{
    public static INoiseSource Create(RandomGenerator generator, long seed) => generator switch
    {
        RandomGenerator.Nvidia => new PhiloxRandom(seed),
        _ => new TorchRandom(seed),
    };
}
