namespace StableDiffusion;

/// <summary>What a parameter of a scheduler class holds.</summary>
internal enum ParameterKind
{
    Choice,
    Flag,
    Real,
    Reals,
    Whole,
    Wholes,
}

/// <summary>One parameter of a diffusers scheduler class.</summary>
/// <param name="Name">The key in <c>scheduler_config.json</c>.</param>
/// <param name="Kind">What it holds.</param>
/// <param name="Default">The value when the key is absent; where it is null, null may be given too.</param>
/// <param name="Choices">The texts allowed, for <see cref="ParameterKind.Choice"/>.</param>
internal sealed record SchedulerParameter(string Name, ParameterKind Kind, object? Default, params string[] Choices)
{
    /// <summary>The lowest number allowed.</summary>
    public double Least { get; init; } = double.MinValue;

    /// <summary>The highest number allowed.</summary>
    public double Most { get; init; } = double.MaxValue;

    /// <summary>Whether null, as another class's file may have it, is read as the default.</summary>
    public bool NullIsDefault { get; init; }

    /// <summary>Whether a number lies in the range.</summary>
    public bool Allows(double value) => value >= Least && value <= Most;
}
