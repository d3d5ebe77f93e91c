using System.Text.Json.Nodes;

namespace StableDiffusion;

/// <summary>A scheduler found by name, and the parameter that a schedule type in the name sets.</summary>
/// <param name="Entry">The scheduler.</param>
/// <param name="Key">The parameter, such as <c>use_karras_sigmas</c>, or null.</param>
/// <param name="Value">Its value, or null.</param>
internal readonly record struct SchedulerChoice(SchedulerEntry Entry, string? Key, string? Value)
{
    /// <summary>The configuration with the parameter set; another rule for the noise levels is switched off.</summary>
    public SchedulerConfig Apply(SchedulerConfig config)
    {
        if (Key is null)
        {
            return config;
        }

        foreach (var other in SigmaSpacing.Rules.Where(config.Flag))
        {
            config = config.With(other, false);
        }

        return config.With(Key, Value == "true" ? JsonValue.Create(true) : JsonValue.Create(Value));
    }
}
