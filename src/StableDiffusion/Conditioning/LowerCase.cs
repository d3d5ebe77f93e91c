using System.Text;

namespace StableDiffusion;

/// <summary>Lower case character by character, whatever stands beside it, as Hugging Face's <c>tokenizers</c> has it.</summary>
internal static class LowerCase
{
    public static string Of(string text) => string.Concat(text.EnumerateRunes().SelectMany(rune => Of(rune.Value)).Select(value => char.ConvertFromUtf32(value)));

    /// <summary>The lower case of a character: one, but for the capital I with a dot.</summary>
    public static int[] Of(int value) => value switch
    {
        // .NET's invariant lower case leaves alone the only character whose lower case is two.
        0x130 => ['i', 0x307],
        _ => [Rune.ToLowerInvariant(new Rune(value)).Value],
    };
}
