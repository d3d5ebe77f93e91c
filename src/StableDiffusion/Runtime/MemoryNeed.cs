using System.Globalization;

namespace StableDiffusion;

/// <summary>About how much memory a request takes, and what to do where that is not there: said before anything is loaded.</summary>
/// <param name="folder">The model.</param>
/// <param name="weights">Bytes of each network's weights in memory, by its folder.</param>
/// <param name="oneAtATime">Whether only the networks of one stage are open at a time.</param>
/// <param name="attention">How attention is computed.</param>
internal sealed class MemoryNeed(ModelFolder folder, IReadOnlyDictionary<string, long> weights, bool oneAtATime, AttentionKind attention)
{
    /// <summary>.NET and ONNX Runtime themselves.</summary>
    private const double Program = 0.2e9;

    /// <summary>
    /// Of what a network passes on, bytes for each row, place and channel of the outermost level: the U-Net of Stable Diffusion 1.5, 320 channels,
    /// takes 0.42 GB beside its weights for two rows of 64 × 64 (ONNX Runtime on a CPU, fused attention).
    /// </summary>
    private const double BytesPerPlaceAndChannel = 160;

    /// <summary>Copies of the scores of all places with all places that plain attention holds: 4 GB for the same rows and 8 heads.</summary>
    private const double ScoresAtOnce = 4;

    /// <summary>What one stage takes.</summary>
    /// <param name="Name">What it is of.</param>
    /// <param name="Weights">Bytes of weights.</param>
    /// <param name="Work">Bytes that pass through.</param>
    private sealed record Stage(string Name, double Weights, double Work)
    {
        public double Sum => Weights + Work;
    }

    /// <summary>What to say of a request before it runs; null where it fits.</summary>
    /// <param name="plan">The request.</param>
    /// <param name="available">Bytes that are free.</param>
    public FormattableString? Warning(GenerationPlan plan, double available)
    {
        var stages = Stages(plan);
        var largest = stages.MaxBy(stage => stage.Sum)!;
        var together = stages.Sum(stage => stage.Weights) + stages.Max(stage => stage.Work);
        var need = Program + (oneAtATime ? largest.Sum : together);
        if (need <= available)
        {
            return null;
        }

        var (sparing, last) = (Program + largest.Sum, plan.SecondPass ?? plan);
        var said = $"{folder.Name} needs about {Text(need)} of memory for {last.Width} x {last.Height} pixels, {Text(oneAtATime ? largest.Weights : stages.Sum(stage => stage.Weights))} of it for weights, and {Text(available)} are free; it may be slow, or be stopped by the system.";
        if (!oneAtATime && sparing < 0.95 * need)
        {
            return $"{said} {nameof(PipelineOptions.OneNetworkAtATime):name} takes about {Text(sparing)}.";
        }

        if (attention == AttentionKind.Plain && largest.Name == folder.Family.NetworkPart)
        {
            return $"{said} Fused attention, the default of {nameof(PipelineOptions.FuseAttention):name}, takes less.";
        }

        if (largest.Work < 0.2 * need)
        {
            return $"{said} The {largest.Name} alone has {Text(largest.Weights)} of weights: a smaller model is what fits.";
        }

        if (largest.Name == "decoder" && plan.Request.TilingInUse is null)
        {
            return $"{said} {nameof(ImageRequest.Tiling):name} takes less, as do a smaller {nameof(ImageRequest.Width):name} and {nameof(ImageRequest.Height):name}.";
        }

        return $"{said} A smaller {nameof(ImageRequest.Width):name} and {nameof(ImageRequest.Height):name} or fewer {nameof(ImageRequest.ImagesPerSeed):name} take less.";
    }

    private static string Text(double bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:0.0} GB");

    private Stage[] Stages(GenerationPlan plan)
    {
        var last = plan.SecondPass ?? plan;
        double Of(params IEnumerable<string> parts) => parts.Sum(part => weights.GetValueOrDefault(part));
        return
        [
            .. folder.Family.ConditionerTurns(folder).Select(parts => new Stage("text encoder", Of(parts), 0)),
            new(folder.Family.NetworkPart, Of(folder.Family.NetworkPart), NetworkWork(last)),
            new("decoder", Of(folder.Family.CodecParts.Where(part => part != "vae_encoder" || plan.Request.InitImage is not null)), DecoderWork(last)),
        ];
    }

    private double NetworkWork(GenerationPlan plan)
    {
        var config = JsonFile.ReadIfExists(folder.Combine(folder.Family.NetworkPart, "config.json"));
        var heads = config.Integer("num_attention_heads") ?? 8;
        var isUNet = folder.Family.NetworkPart == "unet";
        var width = isUNet ? config.Integers("block_out_channels")?[0] ?? 320 : heads * (config.Integer("attention_head_dim") ?? 64);
        var patch = isUNet ? 1 : config.Integer("patch_size") ?? 2;
        var rows = (double)plan.ImageCount * (plan.Guidance.IsOn && plan.Guidance.Every == 1 ? 2 : 1);
        var places = (double)plan.LatentHeight * plan.LatentWidth / Math.Max(patch * patch, 1);
        return rows * ((places * width * BytesPerPlaceAndChannel) + (attention == AttentionKind.Plain ? ScoresAtOnce * sizeof(float) * heads * places * places : 0));
    }

    /// <summary>In tiles where these are asked for, or made because the whole would not fit.</summary>
    private double DecoderWork(GenerationPlan plan)
    {
        var (height, width, vae) = (plan.LatentHeight, plan.LatentWidth, folder.Vae);
        if (VaeTiling.InUse(plan.Request.TilingInUse, vae, height, width) is { } tiling)
        {
            var tile = tiling.LatentsOf(vae);
            (height, width) = (Math.Min(height, tile), Math.Min(width, tile));
        }

        return VaeMemory.Bytes(height, width, vae.PixelsPerLatent, vae.Channels);
    }
}
