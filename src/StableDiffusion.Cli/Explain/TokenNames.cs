using System.Globalization;
using System.Text;

namespace StableDiffusion.Cli;

/// <summary>What the ids of a CLIP tokenizer stand for, to be shown.</summary>
internal sealed class TokenNames(ClipTokenizer tokenizer)
{
    /// <summary>Those of the tokenizer that reads a run's prompt.</summary>
    public static TokenNames Of(Explanation run) => new(ClipTokenizer.Load(run.Pipeline.Folder.Combine("tokenizer")));

    /// <summary>The token's text, with its bytes as characters where they are whole ones.</summary>
    public string TextOf(int id) => tokenizer.NameOf(id) is null ? $"#{id}" : Encoding.UTF8.GetString(tokenizer.BytesOf(id));

    /// <summary>Whether a word ends with the token.</summary>
    public bool EndsWord(int id) => tokenizer.EndsWord(id);

    /// <summary>The token's bytes in hexadecimal.</summary>
    public string BytesOf(int id) => tokenizer.NameOf(id)?.StartsWith("<|", StringComparison.Ordinal) == false
        ? string.Join(' ', tokenizer.BytesOf(id).Select(value => value.ToString("x2", CultureInfo.InvariantCulture)))
        : "";
}
