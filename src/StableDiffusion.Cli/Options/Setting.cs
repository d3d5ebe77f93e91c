using System.CommandLine;

namespace StableDiffusion.Cli;

/// <summary>One row of the table of what a request can be told: an option, which is a field of batch lines too, and what it sets.</summary>
/// <param name="Option">The option.</param>
/// <param name="Property">The property of a request that it sets; null where it only goes along with another option.</param>
/// <param name="Set">The request with the property set; null where the option's group does that.</param>
internal sealed record Setting(Option Option, string? Property = null, Func<ImageRequest, IGivenOptions, ImageRequest>? Set = null)
{
    /// <summary>An option whose value, or default, is what the property is set to.</summary>
    public static Setting Of<T>(Option<T> option, string property, Func<ImageRequest, T?, ImageRequest> set) =>
        new(option, property, (request, given) => set(request, given.GetValue(option)));

    /// <summary>An option whose text is to be read first; without it the property stays as it is.</summary>
    public static Setting OfText(Option<string?> option, string property, Func<ImageRequest, string, ImageRequest> set) =>
        new(option, property, (request, given) => given.GetValue(option) is { } text ? set(request, text) : request);
}
