namespace StableDiffusion;

/// <summary>
/// A model opened to be looked into: its parts one by one, for one request. Everything is computed by the networks that paint, when it is
/// asked for.
/// </summary>
internal sealed class PipelineProbe
{
    private readonly NetworkSet _networks;
    private readonly CancellationToken _cancellation;
    private GuidedConditioning? _told;

    public PipelineProbe(NetworkSet networks, ImageRequest request, ModelFolder folder, Action<string> warn, CancellationToken cancellation)
    {
        _networks = networks;
        _cancellation = cancellation;
        Folder = folder;
        Plan = GenerationPlan.Of(request, folder, warn);
        Forward = ForwardDiffusion.Of(folder.Scheduler);
        networks.Use(Plan.Edits);
        networks.Tiling = Plan.Request.TilingInUse;
    }

    public ModelFolder Folder { get; }

    public GenerationPlan Plan { get; }

    /// <summary>The forward process that the model was trained with.</summary>
    public ForwardDiffusion Forward { get; }

    /// <summary>Whether pictures can be turned into latents.</summary>
    public bool HasEncoder => File.Exists(Folder.NetworkOf("vae_encoder"));

    /// <summary>What the network is told, with the prompt and without.</summary>
    public GuidedConditioning Told => _told ??= _networks.Conditioner.Encode([Plan], _cancellation)[0];

    /// <summary>The prompt as chunks of token ids, for models whose first text encoder is CLIP; null for others.</summary>
    public IReadOnlyList<PromptChunk>? Chunks => (_networks.Conditioner as ClipConditioner)?.ChunksOf(Plan.Request);

    /// <summary>Decodes one picture's latents.</summary>
    public RgbImage Decode(Latents latents) => _networks.Codec.Decode(latents, _cancellation);

    /// <summary>Encodes a picture, brought to the request's size.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="noise">For the draw from the encoder's distribution; null for its mean.</param>
    public Latents Encode(RgbImage picture, INoiseSource? noise)
    {
        var pixels = ImageProcessor.InitImage(picture, Plan.Width, Plan.Height, Plan.Request.Fit);
        return _networks.Codec.Encode(pixels, Plan.Height, Plan.Width, noise ?? new NoNoise(), _cancellation);
    }

    /// <summary>What the network says of latents at a training step, with the prompt and (where guidance is on) without.</summary>
    public (float[] With, float[]? Without) Predict(Latents latents, int timestep)
    {
        var rows = Told.Negative is { } negative ? new[] { Told.Positive, negative } : [Told.Positive];
        if (rows.Length == 2 && !rows[0].SharesCallsWith(rows[1]))
        {
            return (Predict(latents, timestep, [rows[0]])[0], Predict(latents, timestep, [rows[1]])[0]);
        }

        var said = Predict(latents, timestep, rows);
        return (said[0], said.Length > 1 ? said[1] : null);
    }

    /// <summary>What the network was trained to say of these latents under this noise: the noise itself, a velocity or the picture.</summary>
    public float[] TargetOf(Latents clean, ReadOnlySpan<float> noise, int timestep)
    {
        var (alpha, sigma) = Forward.At(timestep);
        var target = new float[noise.Length];
        switch (Plan.Predicts)
        {
            case PredictionType.Epsilon:
                noise.CopyTo(target);
                break;
            case PredictionType.V:
                Blend.Write(target, alpha, noise, -sigma, clean.Values);
                break;
            case PredictionType.Flow:
                Blend.Write(target, 1, noise, -1, clean.Values);
                break;
            default:
                clean.Values.CopyTo(target, 0);
                break;
        }

        return target;
    }

    /// <summary>The clean latents that a prediction amounts to.</summary>
    public Latents CleanOf(Latents latents, ReadOnlySpan<float> prediction, int timestep)
    {
        var (alpha, sigma) = Forward.At(timestep);
        var values = new float[latents.Values.Length];
        Blend.Write(values, Prediction.Clean(Plan.Predicts, alpha, sigma), latents.Values, prediction);
        return latents.With(values);
    }

    /// <summary>The noise that a prediction amounts to.</summary>
    public float[] NoiseOf(Latents latents, ReadOnlySpan<float> prediction, int timestep)
    {
        var (alpha, sigma) = Forward.At(timestep);
        var noise = new float[latents.Values.Length];
        Blend.Write(noise, Prediction.Noise(Plan.Predicts, alpha, sigma), latents.Values, prediction);
        return noise;
    }

    /// <summary>Opens the denoising network once more with its attention for outputs; null where it has none that can be told.</summary>
    public AttentionProbe? OpenAttention() => AttentionProbe.Open(Folder, _networks.PlainLoader, Told.Positive, _cancellation);

    private float[][] Predict(Latents latents, int timestep, Conditioning[] rows)
    {
        using var batch = _networks.Network.Prepare(rows, latents.Height, latents.Width);
        for (var row = 0; row < rows.Length; row++)
        {
            latents.Values.CopyTo(batch.Input(row));
        }

        batch.Run(new DenoisingCall(0, 1, Forward.NetworkTimestep(timestep)), _cancellation);
        return [.. rows.Select((_, row) => batch.Output(row).ToArray())];
    }

    /// <summary>Draws zeros: the mean of whatever noise is added to.</summary>
    private sealed class NoNoise : INoiseSource
    {
        public void Draw(Span<float> values) => values.Clear();
    }
}
