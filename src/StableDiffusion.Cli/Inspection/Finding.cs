using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>One thing that <c>doctor</c> looked at.</summary>
/// <param name="Name">What.</param>
/// <param name="State">Whether it is as it should be.</param>
/// <param name="Text">What was seen, and what to do where something is wrong.</param>
internal sealed record Finding(string Name, FindingState State, string Text)
{
    public static Finding Good(string name, string text) => new(name, FindingState.Good, text);

    public JsonObject ToJson() => new() { ["name"] = Name, ["state"] = State.ToString().ToLowerInvariant(), ["text"] = Text };
}

/// <summary>How grave a finding is.</summary>
internal enum FindingState
{
    /// <summary>As it should be.</summary>
    Good,

    /// <summary>It works, but not as well as it could.</summary>
    Warning,

    /// <summary>It does not work.</summary>
    Bad,
}
