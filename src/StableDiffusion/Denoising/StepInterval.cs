namespace StableDiffusion;

/// <summary>Every so many steps something is computed, from step 0 on; it stands for the steps up to the next time.</summary>
/// <param name="Steps">From one time to the next; 1 for every step.</param>
internal readonly record struct StepInterval(int Steps)
{
    /// <summary>Whether what was computed at an earlier step may stand for <paramref name="step"/>; false where nothing was (null).</summary>
    public bool MayReuse(int? computed, int step) => step % Steps != 0 && computed / Steps == step / Steps;
}
