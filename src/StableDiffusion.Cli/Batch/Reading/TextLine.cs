using System.Text;

namespace StableDiffusion.Cli;

/// <summary>
/// A line of A1111's "Prompts from file": a prompt, or a prompt and options (<c>a red apple --seed 5 --steps 20</c>), or options alone
/// (<c>--prompt "a red apple" --negative_prompt blurry --seed 5</c>).
/// </summary>
internal static class TextLine
{
    /// <summary>The fields of one line.</summary>
    /// <exception cref="RequestException">The line is not understood.</exception>
    public static LineFields Parse(string line, FieldTable table, Action<string> note)
    {
        var fields = new LineFields();
        var (prompt, rest) = SplitPrompt(line.Trim());
        if (prompt is not null)
        {
            fields[FieldTable.Prompt] = [prompt];
            if (!line.TrimStart().StartsWith('"') && prompt.Split(' ').Skip(1).SkipLast(1).FirstOrDefault(word => word is ['-', _] && table.TryNameOf(word, out _)) is { } word)
            {
                note($"{word} is a part of the prompt, for before the first option of a line with two hyphens all is; if the option is meant, write --{table.NameOf(word).Replace('_', '-')}.");
            }
        }

        var words = Words(rest);
        for (var at = 0; at < words.Count;)
        {
            var (name, value) = SplitAssignment(words[at++]);
            var isForeign = FieldTable.IsForeign(name);
            var field = isForeign ? "" : table.NameOf(name);
            if (value is null)
            {
                bool IsName(string word) => word.StartsWith("--", StringComparison.Ordinal) || (word is ['-', _] && table.TryNameOf(word, out _));

                var last = at;
                while (last < words.Count && (last == at || isForeign || FieldTable.TakesManyWords(field)) && !IsName(words[last]))
                {
                    last++;
                }

                value = last > at
                    ? string.Join(' ', words[at..last])
                    : isForeign || table.IsFlag(field) ? "true"
                    : throw new RequestException($"{name} lacks its value.");
                at = last;
            }

            if (isForeign)
            {
                FieldTable.LeaveOut(name, value, note);
                continue;
            }

            Add(fields, field, value, name, table.IsList(field));
        }

        return fields;
    }

    private static void Add(LineFields fields, string field, string value, string name, bool isList)
    {
        if (fields.TryGetValue(field, out var earlier) && !isList)
        {
            throw new RequestException($"{(field == FieldTable.Prompt ? "the prompt" : name)} is given twice.");
        }

        fields[field] = [.. earlier ?? [], value];
    }

    private static (string Name, string? Value) SplitAssignment(string word)
    {
        if (!word.StartsWith('-'))
        {
            throw new RequestException($"{OneLine.Quote(word)} belongs to no option; put a text of several words in quotes.");
        }

        var split = word.IndexOf('=', StringComparison.Ordinal);
        return split < 0 ? (word, null) : (word[..split], word[(split + 1)..]);
    }

    /// <summary>The prompt is everything before the first option, taken as it is, or what stands in quotes at the start.</summary>
    private static (string? Prompt, string Options) SplitPrompt(string line)
    {
        if (line.Length > 1 && line[0] == '"')
        {
            var end = line.TrimEnd().Length - 1;
            for (var at = 1; at < line.Length; at++)
            {
                if (line[at] == '\\' && at + 1 < line.Length && line[at + 1] is '"' or '\\')
                {
                    at++;
                }
                else if (line[at] == '"' && (at == end || (at + 1 < line.Length && char.IsWhiteSpace(line[at + 1]) && IsOption(line, FirstNonSpace(line, at + 1)))))
                {
                    return (Words(line[..(at + 1)])[0], line[(at + 1)..]);
                }
            }
        }

        for (var at = 0; at < line.Length; at++)
        {
            if (IsOption(line, at))
            {
                return (at == 0 ? null : line[..at].TrimEnd(), line[at..]);
            }
        }

        return (line, "");
    }

    private static int FirstNonSpace(string line, int at)
    {
        while (at < line.Length && char.IsWhiteSpace(line[at]))
        {
            at++;
        }

        return at;
    }

    private static bool IsOption(string line, int at) =>
        (at == 0 || char.IsWhiteSpace(line[at - 1]))
        && at + 2 < line.Length && line[at] == '-' && line[at + 1] == '-' && char.IsAsciiLetter(line[at + 2]);

    /// <summary>Whether an apostrophe begins a quoted text: at the start of a word or value, with another one behind it. In <c>it's</c> it does not.</summary>
    private static bool OpensQuote(string text, int at, bool inWord) =>
        (!inWord || text[at - 1] == '=') && text.IndexOf('\'', at + 1) is > 0 and var end && (end + 1 == text.Length || char.IsWhiteSpace(text[end + 1]) || text.LastIndexOf('\'') > end);

    /// <summary>Words as a POSIX shell splits them: quotes of both kinds, and a backslash before a space, a quote or a backslash.</summary>
    private static List<string> Words(string text)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        var inWord = false;
        char? quote = null;
        for (var at = 0; at < text.Length; at++)
        {
            var c = text[at];
            var next = at + 1 < text.Length ? text[at + 1] : '\0';
            if (c == '\\' && quote != '\'' && (next is '"' or '\\' || (quote is null && (next == '\'' || char.IsWhiteSpace(next)))))
            {
                word.Append(next);
                at++;
                inWord = true;
            }
            else if (quote is null && (c == '"' || (c == '\'' && OpensQuote(text, at, inWord))))
            {
                quote = c;
                inWord = true;
            }
            else if (c == quote)
            {
                quote = null;
            }
            else if (quote is null && char.IsWhiteSpace(c))
            {
                if (inWord)
                {
                    words.Add(word.ToString());
                    word.Clear();
                    inWord = false;
                }
            }
            else
            {
                word.Append(c);
                inWord = true;
            }
        }

        if (quote is not null)
        {
            throw new RequestException($"a quote {quote} is opened and not closed.");
        }

        if (inWord)
        {
            words.Add(word.ToString());
        }

        return words;
    }
}
