namespace StableDiffusion;

/// <summary>The time steps of consistency models: evenly chosen from those the model was distilled with.</summary>
internal static class ConsistencySteps
{
    public static double[] Of(SchedulerConfig config, SchedulerRun run)
    {
        var (trained, original, steps) = (config.Whole("num_train_timesteps"), config.Whole("original_inference_steps"), run.Steps);
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

        var left = run.StepsWithinStrength ? (int)(original * run.Strength) : original;
        if (steps > left)
        {
            throw new RequestException(
                $"{steps} steps cannot be chosen from the {left} that a strength of {run.Strength} leaves of the original_inference_steps {original}; "
                + $"ask for fewer steps or a strength of at least {Math.Ceiling(1000.0 * steps / original) / 1000}.");
        }

        var stride = trained / original;
        var ratio = left / (double)steps;
        return [.. Enumerable.Range(0, steps).Select(i => (double)((left - (int)Math.Floor(i * ratio)) * stride) - 1)];
    }
}
