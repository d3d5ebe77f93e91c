namespace StableDiffusion;

/// <summary>The time steps of consistency models: evenly chosen from those the model was distilled with.</summary>
internal static class ConsistencySteps
{
    public static double[] Of(SchedulerConfig config, int steps)
    {
        var (trained, original) = (config.Whole("num_train_timesteps"), config.Whole("original_inference_steps"));
        if (original < 1 || original > trained)
        {
            throw new RequestException(
                $"original_inference_steps is {original}, but the model was trained with {trained} steps; set it from 1 to {trained}.");
        }

        if (steps > original)
        {
            throw new RequestException(
                $"{steps} steps cannot be chosen from the original_inference_steps {original}; "
                + $"ask for at most {original} steps, or set original_inference_steps to as many.");
        }

        var stride = trained / original;
        var ratio = original / (double)steps;
        return [.. Enumerable.Range(0, steps).Select(i => (double)((original - (int)Math.Floor(i * ratio)) * stride) - 1)];
    }
}
