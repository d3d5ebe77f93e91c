using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>One thing that <c>doctor</c> looked at.</summary>
/// <param name="Name">What.</param>
/// <param name="State">Whether it is as it should be.</param>
/// <param name="Text">What was seen, and what to do where something is wrong.</param>
internal sealed record Finding(string Name, FindingState State, string Text)
{
    public static Finding Good(string name, string text) => new(name, FindingState.Good, text);

    /// <summary>What the text lists, for programs; null where it lists nothing.</summary>
    public JsonArray? Details { get; init; }

    public JsonObject ToJson()
    {
        var json = new JsonObject { ["name"] = Name, ["state"] = State.ToString().ToLowerInvariant(), ["text"] = Text };
        if (Details is not null)
        {
            json["details"] = Details.DeepClone();
        }

        return json;
    }
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
