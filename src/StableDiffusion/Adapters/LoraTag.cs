using System.Globalization;
using System.Text.RegularExpressions;

namespace StableDiffusion;

/// <summary>
/// A LoRA as webuis write it in a prompt: <c>&lt;lora:name:0.8&gt;</c>, <c>&lt;lora:name:text:unet&gt;</c>, <c>&lt;lora:name:text:unet:rank&gt;</c> or
/// <c>&lt;lora:name:te=0.5:unet=1:dyn=64&gt;</c>.
/// </summary>
/// <param name="Name">A file's name without folder and extension.</param>
/// <param name="Weight">Strength in the denoising network.</param>
/// <param name="TextWeight">Strength in the text encoders.</param>
/// <param name="Rank">How much of each change the webui would take; null for all of it. Not followed here.</param>
internal sealed partial record LoraTag(string Name, double Weight, double TextWeight, int? Rank)
{
    /// <summary>What values without a name stand for, in the webui's order.</summary>
    private static readonly string[] _places = ["te", "unet", "dyn"];

    /// <summary>Takes all tags out of a prompt.</summary>
    /// <returns>The rest of the text, and the tags in order.</returns>
    /// <exception cref="RequestException">A tag has no name, or a value that is not what belongs in its place.</exception>
    public static (string Prompt, IReadOnlyList<LoraTag> Tags) Extract(string prompt)
    {
        var tags = new List<LoraTag>();
        var rest = Tag().Replace(prompt, match =>
        {
            tags.Add(Parse(match.Value, match.Groups["items"].Value.Split(':')));
            return "";
        });
        return (rest, tags);
    }

    /// <summary>The tag for a LoRA.</summary>
    public static string Of(Lora lora) => lora.Weight.Equals(lora.TextWeight)
        ? string.Create(CultureInfo.InvariantCulture, $"<lora:{NameOf(lora.Path)}:{lora.Weight}>")
        : string.Create(CultureInfo.InvariantCulture, $"<lora:{NameOf(lora.Path)}:{lora.TextWeight}:{lora.Weight}>");

    /// <summary>The name of a file in tags.</summary>
    public static string NameOf(string path) => Path.GetFileNameWithoutExtension(path).Replace(':', '_').Replace('>', '_');

    private static LoraTag Parse(string tag, string[] items)
    {
        double? text = null, unet = null;
        int? rank = null;
        var place = 0;
        foreach (var item in items.Skip(1))
        {
            var (key, value) = item.Split('=', 2) is [var name, var given] ? (name.Trim().ToLowerInvariant(), given) : (_places.ElementAtOrDefault(place++), item);
            switch (key)
            {
                case "te" or "text" when Strength(value) is { } strength:
                    text = strength;
                    break;
                case "unet" when Strength(value) is { } strength:
                    unet = strength;
                    break;
                case "dyn" when int.TryParse(value, NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var whole) && whole > 0:
                    rank = whole;
                    break;
                default:
                    throw new RequestException($"{OneLine.Of(tag)} in the prompt is not understood; write <lora:name:0.8>, or <lora:name:te=0.5:unet=0.8>.");
            }
        }

        return items[0].Trim() is { Length: > 0 } title
            ? new LoraTag(title, unet ?? text ?? 1, text ?? 1, rank)
            : throw new RequestException($"{OneLine.Of(tag)} in the prompt names no LoRA; write <lora:name:0.8>.");
    }

    private static double? Strength(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : null;

    [GeneratedRegex("<(?:lora|lyco):(?<items>[^>]*)>", RegexOptions.ExplicitCapture)]
    private static partial Regex Tag();
}
