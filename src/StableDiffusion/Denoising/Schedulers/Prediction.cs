namespace StableDiffusion;

/// <summary>What the network was trained to say.</summary>
internal enum PredictionType
{
    /// <summary>The noise ε in the latents.</summary>
    Epsilon,

    /// <summary>The clean latents x₀.</summary>
    Sample,

    /// <summary>v = α·ε − σ·x₀, Salimans and Ho (2022), arXiv 2202.00512.</summary>
    V,

    /// <summary>The velocity ε − x₀ of a straight path, Liu et al. (2022), arXiv 2209.03003.</summary>
    Flow,
}

/// <summary>A weighted sum of the latents and the network's output.</summary>
internal readonly record struct Weights(double Latents, double Output);

/// <summary>How to get x₀ or ε, in x = α·x₀ + σ·ε, from what the network said.</summary>
internal static class Prediction
{
    /// <summary>The configuration's prediction type, refused in words where the class has no rule for it.</summary>
    public static PredictionType Of(SchedulerConfig config, params ReadOnlySpan<PredictionType> allowed)
    {
        var text = config.Text("prediction_type");
        var type = text switch
        {
            "epsilon" => PredictionType.Epsilon,
            "v_prediction" => PredictionType.V,
            "flow_prediction" => PredictionType.Flow,
            _ => PredictionType.Sample,
        };
        return allowed.Contains(type)
            ? type
            : throw new RequestException(
                $"{config.ClassName} has no rule for prediction_type {text}; choose another scheduler, such as ddim or euler.");
    }

    /// <summary>x₀ as a weighted sum.</summary>
    public static Weights Clean(PredictionType type, double alpha, double sigma) => type switch
    {
        PredictionType.Epsilon => new(1 / alpha, -sigma / alpha),
        PredictionType.V => new(alpha, -sigma),
        PredictionType.Flow => new(1, -sigma),
        _ => new(0, 1),
    };

    /// <summary>ε as a weighted sum.</summary>
    public static Weights Noise(PredictionType type, double alpha, double sigma) => type switch
    {
        PredictionType.Epsilon => new(0, 1),
        PredictionType.V => new(sigma, alpha),
        PredictionType.Flow => new(1, 1 - sigma),
        _ => new(1 / sigma, -alpha / sigma),
    };
}
