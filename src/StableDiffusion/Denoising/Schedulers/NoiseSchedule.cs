namespace StableDiffusion;

/// <summary>
/// The noise levels that the model was trained with, by training step: ᾱ (share of picture left) and σ = √((1 − ᾱ)/ᾱ).
/// Rounded to float32 where torch and numpy round, so that every number equals diffusers'.
/// </summary>
internal sealed class NoiseSchedule
{
    /// <param name="config">The scheduler's configuration.</param>
    /// <param name="keepTerminalSnr">
    /// True for methods that divide by ᾱ of the last training step: with zero terminal SNR they use 2⁻²⁴ instead of 0, as diffusers does.
    /// </param>
    public NoiseSchedule(SchedulerConfig config, bool keepTerminalSnr)
    {
        var betas = Betas(config);
        var zeroSnr = config.Flag("rescale_betas_zero_snr");
        AlphasCumprod = CumulativeProduct(zeroSnr ? RescaleToZeroTerminalSnr(betas) : betas);
        if (zeroSnr && keepTerminalSnr)
        {
            AlphasCumprod[^1] = 1f / (1 << 24);
        }

        if (AlphasCumprod.Any(alphaBar => alphaBar is not (>= 0 and <= 1)))
        {
            throw new RequestException("The configuration's betas give no noise schedule; beta_start and beta_end lie between 0 and 1.");
        }

        Sigmas = [.. AlphasCumprod.Select(alpha => MathF.Sqrt((1 - alpha) / alpha))];
        LogSigmas = [.. Sigmas.Select(sigma => MathF.Log(sigma))];
    }

    /// <summary>ᾱ by training step, falling from nearly 1.</summary>
    public float[] AlphasCumprod { get; }

    /// <summary>σ by training step, rising.</summary>
    public float[] Sigmas { get; }

    /// <summary>ln σ by training step.</summary>
    public float[] LogSigmas { get; }

    public int Count => Sigmas.Length;

    /// <summary>σ between training steps, by straight lines (numpy: <c>interp</c>).</summary>
    public double SigmaAt(double t)
    {
        if (t <= 0 || t >= Count - 1)
        {
            return Sigmas[t <= 0 ? 0 : Count - 1];
        }

        var low = (int)t;
        return (((double)Sigmas[low + 1] - Sigmas[low]) * (t - low)) + Sigmas[low];
    }

    /// <summary>The training step of a noise level, by straight lines over ln σ.</summary>
    public double TimestepOf(double sigma)
    {
        var logSigma = Math.Log(Math.Max(sigma, 1e-10));
        var low = 0;
        for (var i = 0; i < Count - 1; i++)
        {
            if (logSigma >= LogSigmas[i])
            {
                low = i;
            }
        }

        var w = Math.Clamp((LogSigmas[low] - logSigma) / (LogSigmas[low] - LogSigmas[low + 1]), 0, 1);
        return ((1 - w) * low) + (w * (low + 1));
    }

    /// <summary>The number of training steps whose λ = ln(√ᾱ/√(1 − ᾱ)) is below a bound.</summary>
    public int CountBelow(double lambda) =>
        AlphasCumprod.Count(alpha => MathF.Log(MathF.Sqrt(alpha)) - MathF.Log(MathF.Sqrt(1 - alpha)) < lambda);

    private static float[] Betas(SchedulerConfig config)
    {
        var (start, end, count) = (config.Real("beta_start"), config.Real("beta_end"), config.Whole("num_train_timesteps"));
        if (count < 2)
        {
            throw new RequestException($"num_train_timesteps is {count}, but a noise schedule has at least 2.");
        }

        if (config.Reals("trained_betas") is { } trained)
        {
            return trained.Length == count
                ? [.. trained.Select(beta => (float)beta)]
                : throw new RequestException($"trained_betas has {trained.Length} values, but num_train_timesteps is {count}.");
        }

        return config.Text("beta_schedule") switch
        {
            "linear" => LinearSpace(start, end, count),
            "scaled_linear" => [.. LinearSpace(Math.Sqrt(start), Math.Sqrt(end), count).Select(root => root * root)],
            "squaredcos_cap_v2" => OfAlphaBar(count, t => Math.Pow(Math.Cos((t + 0.008) / 1.008 * Math.PI / 2), 2)),
            "exp" => OfAlphaBar(count, t => Math.Exp(-12 * t)),
            "laplace" => OfAlphaBar(count, Laplace),
            _ => [.. LinearSpace(-6, 6, count).Select(x => (1 / (1 + MathF.Exp(-x)) * (float)(end - start)) + (float)start)],
        };
    }

    // β from a given ᾱ(t), capped at 0.999: Nichol and Dhariwal (2021), arXiv 2102.09672, equation 17 for the cosine.
    private static float[] OfAlphaBar(int count, Func<double, double> alphaBar) =>
        [.. Enumerable.Range(0, count).Select(i => (float)Math.Min(1 - (alphaBar((i + 1) / (double)count) / alphaBar(i / (double)count)), 0.999))];

    private static double Laplace(double t)
    {
        var logSnr = -0.5 * Math.CopySign(1, 0.5 - t) * Math.Log(1 - (2 * Math.Abs(0.5 - t)) + 1e-6);
        return Math.Sqrt(Math.Exp(logSnr) / (1 + Math.Exp(logSnr)));
    }

    // torch.linspace in float32 counts up from the start to the middle and down from the end after it.
    private static float[] LinearSpace(double start, double end, int count)
    {
        var (first, last) = ((float)start, (float)end);
        var step = (last - first) / (count - 1);
        return [.. Enumerable.Range(0, count).Select(i => i < count / 2 ? first + (step * i) : last - (step * (count - 1 - i)))];
    }

    // torch.cumprod on the CPU keeps the running product in double.
    private static float[] CumulativeProduct(float[] betas)
    {
        var product = 1.0;
        return [.. betas.Select(beta => (float)(product *= 1 - beta))];
    }

    // Algorithm 1 of Lin et al. (2023), arXiv 2305.08891.
    private static float[] RescaleToZeroTerminalSnr(float[] betas)
    {
        var roots = CumulativeProduct(betas).Select(alpha => MathF.Sqrt(alpha)).ToArray();
        var (first, last) = (roots[0], roots[^1]);
        var scale = first / (first - last);
        var alphasBar = roots.Select(root => (root - last) * scale).Select(root => root * root).ToArray();
        return [1 - alphasBar[0], .. alphasBar.Skip(1).Select((alphaBar, i) => 1 - (alphaBar / alphasBar[i]))];
    }
}
