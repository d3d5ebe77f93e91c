namespace StableDiffusion;

/// <summary>
/// Keeps a predicted x₀ in range: hard clipping (<c>clip_sample</c>) or, image by image, dynamic thresholding,
/// section 2.3 of Saharia et al. (2022), arXiv 2205.11487.
/// </summary>
internal sealed class DynamicThresholding
{
    private readonly int _images;
    private readonly bool _clip;
    private readonly float _range;
    private readonly bool _threshold;
    private readonly float _ratio;
    private readonly float _max;

    public DynamicThresholding(SchedulerConfig config, SchedulerRun run)
    {
        _images = run.Images;
        _clip = config.Flag("clip_sample");
        _range = (float)(config.RealOrNull("clip_sample_range") ?? 1);
        _threshold = config.Flag("thresholding");
        _ratio = (float)(config.RealOrNull("dynamic_thresholding_ratio") ?? 1);
        _max = (float)(config.RealOrNull("sample_max_value") ?? 1);
    }

    /// <summary>True when x₀ is changed at all, so that a rule need not work it out otherwise.</summary>
    public bool IsActive => _clip || _threshold;

    /// <summary>Limits x₀ of all images, [images, ...], in place.</summary>
    public void Apply(Span<float> clean)
    {
        if (_threshold)
        {
            var size = clean.Length / _images;
            for (var image = 0; image < _images; image++)
            {
                Threshold(clean.Slice(image * size, size));
            }
        }
        else if (_clip)
        {
            Clamp(clean, _range);
        }
    }

    private void Threshold(Span<float> clean)
    {
        var sorted = new float[clean.Length];
        for (var i = 0; i < clean.Length; i++)
        {
            sorted[i] = MathF.Abs(clean[i]);
        }

        Array.Sort(sorted);
        var rank = _ratio * (sorted.Length - 1);
        var low = (int)rank;
        var high = Math.Min(low + 1, sorted.Length - 1);
        var quantile = sorted[low] + ((rank - low) * (sorted[high] - sorted[low]));
        var s = MathF.Min(MathF.Max(quantile, 1), _max);
        Clamp(clean, s);
        for (var i = 0; i < clean.Length; i++)
        {
            clean[i] /= s;
        }
    }

    private static void Clamp(Span<float> values, float range)
    {
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = MathF.Min(MathF.Max(values[i], -range), range);
        }
    }
}
