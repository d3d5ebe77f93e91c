using System.Text.RegularExpressions;

namespace StableDiffusion.Cli;

/// <summary>
/// ComfyUI's way to write a prompt (comfy/sd1_clip.py: <c>escape_important</c>, <c>token_weights</c>, <c>SDTokenizer.tokenize_with_weights</c>) in the
/// one that is read here: round brackets weigh in both; square ones, a backslash before anything else and <c>BREAK</c> are text there.
/// </summary>
internal static partial class ComfyPrompt
{
    /// <summary>The same text in the webui's way; what has no such way is noted.</summary>
    public static string Translate(string text, Recipe recipe)
    {
        var translated = Mark().Replace(PromptParser.WithoutBreaks(text), mark => mark.Value switch
        {
            "[" or "]" or "\\" => "\\" + mark.Value,
            @"\(" or @"\)" => mark.Value,
            _ => Learnt(mark.Groups["name"].Value, recipe),
        });
        recipe.NoteWeights(translated);
        return translated;
    }

    private static string Learnt(string name, Recipe recipe)
    {
        var word = LearntEnding().Replace(name.Replace('\\', '/').Split('/')[^1], "");
        recipe.NoteLearnt(word);
        return word;
    }

    [GeneratedRegex(@"\\[()]|[\[\]\\]|(?<![^\s,(])embedding:(?<name>[^\s,():]+)")]
    private static partial Regex Mark();

    [GeneratedRegex(@"\.(safetensors|pt|bin)$", RegexOptions.IgnoreCase)]
    private static partial Regex LearntEnding();
}
