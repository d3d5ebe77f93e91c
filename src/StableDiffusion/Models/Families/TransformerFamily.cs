namespace StableDiffusion;

/// <summary>Models whose denoising network is a transformer over patches of the latents.</summary>
internal abstract class TransformerFamily : ModelFamily
{
    public override string NetworkPart => "transformer";

    public override NetworkSignature ReadNetwork(OnnxGraph graph, JsonFile config) =>
        NetworkSignature.Read(graph, "hidden_states", config.Integer("in_channels") ?? 4);

    public override int LatentGrid(JsonFile config) => config.Integer("patch_size") ?? 2;

    /// <summary>diffusers' <c>calculate_shift</c>: from the number of 2×2 patches, straight between the two of the configuration.</summary>
    protected static double? ShiftOf(SchedulerConfig scheduler, int latentHeight, int latentWidth)
    {
        if (scheduler.ClassName != "FlowMatchEulerDiscreteScheduler" || !scheduler.Flag("use_dynamic_shifting"))
        {
            return null;
        }

        double Of(string key, double usual) => scheduler.RealOrNull(key) ?? usual;
        double Length(string key, int usual) => scheduler.Has(key) ? scheduler.Whole(key) : usual;
        var (baseLength, baseShift) = (Length("base_image_seq_len", 256), Of("base_shift", 0.5));
        var slope = (Of("max_shift", 1.15) - baseShift) / (Length("max_image_seq_len", 4096) - baseLength);
        return ((latentHeight / 2) * (latentWidth / 2) * slope) + (baseShift - (slope * baseLength));
    }
}
