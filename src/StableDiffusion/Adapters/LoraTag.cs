using System.Globalization;
using System.Text.RegularExpressions;

namespace StableDiffusion;

/// <summary>A LoRA as webuis write it in a prompt: <c>&lt;lora:name:0.8&gt;</c>, <c>&lt;lora:name:text:unet&gt;</c> or <c>&lt;lora:name:te=0.5:unet=1&gt;</c>.</summary>
/// <param name="Name">A file's name without folder and extension.</param>
/// <param name="Weight">Strength in the denoising network.</param>
/// <param name="TextWeight">Strength in the text encoders.</param>
internal sealed partial record LoraTag(string Name, double Weight, double TextWeight)
{
    /// <summary>Takes all tags out of a prompt.</summary>
    /// <returns>The rest of the text, and the tags in order.</returns>
    /// <exception cref="RequestException">A tag has no name, or a strength that is no number.</exception>
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
        var place = 0;
        foreach (var item in items.Skip(1))
        {
            var (key, value) = item.Split('=', 2) is [var name, var given] ? (name.Trim().ToLowerInvariant(), given) : (place++ == 0 ? "te" : "unet", item);
            if (key is not ("te" or "text" or "unet") || !double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) || !double.IsFinite(number))
            {
                throw new RequestException($"{OneLine.Of(tag)} in the prompt is not understood; write <lora:name:0.8>, or <lora:name:te=0.5:unet=0.8>.");
            }

            _ = key == "unet" ? unet = number : text = number;
        }

        return items[0].Trim() is { Length: > 0 } title
            ? new LoraTag(title, unet ?? text ?? 1, text ?? 1)
            : throw new RequestException($"{OneLine.Of(tag)} in the prompt names no LoRA; write <lora:name:0.8>.");
    }

    [GeneratedRegex("<(?:lora|lyco):(?<items>[^>]*)>", RegexOptions.ExplicitCapture)]
    private static partial Regex Tag();
}
