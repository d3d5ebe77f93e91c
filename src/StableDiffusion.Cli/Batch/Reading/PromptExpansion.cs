using System.Text;

namespace StableDiffusion.Cli;

/// <summary>
/// <c>{red|green} apple</c> stands for <c>red apple</c> and <c>green apple</c>. Groups nest; several in one text give every combination.
/// Braces without a bar between them are text, and so are <c>\{</c>, <c>\|</c>, <c>\}</c> and, for a backslash before one of these, <c>\\</c>.
/// </summary>
internal static class PromptExpansion
{
    private const int MostTexts = 1_000_000;
    private const int DeepestNesting = 64;

    /// <summary>All texts that the template stands for, the last group turning fastest.</summary>
    /// <exception cref="RequestException">There are more than a million.</exception>
    public static IEnumerable<string> Expand(string template)
    {
        if (!template.AsSpan().ContainsAny('{', '\\'))
        {
            return [template];
        }

        var parts = new Parser(template).Sequence(0, template.Length);
        return Count(parts) <= MostTexts
            ? Texts(parts, 0)
            : throw new RequestException($"the groups {{…|…}} stand for more than {MostTexts} texts; use fewer.");
    }

    /// <summary>The template that stands for just this text.</summary>
    public static string Escape(string text)
    {
        if (!text.AsSpan().ContainsAny('{', '\\') || (!text.Contains('|', StringComparison.Ordinal) && Expand(text).SequenceEqual([text])))
        {
            return text;
        }

        var escaped = new StringBuilder();
        foreach (var c in text)
        {
            escaped.Append(c is '{' or '|' or '}' or '\\' ? "\\" : "").Append(c);
        }

        return escaped.ToString();
    }

    private static double Count(IReadOnlyList<Part> parts) =>
        parts.Aggregate(1.0, (product, part) => product * (part.Choices?.Sum(Count) ?? 1));

    private static IEnumerable<string> Texts(IReadOnlyList<Part> parts, int first)
    {
        if (first == parts.Count)
        {
            return [""];
        }

        var heads = parts[first].Choices?.SelectMany(choice => Texts(choice, 0)) ?? [parts[first].Text];
        return heads.SelectMany(head => Texts(parts, first + 1).Select(tail => head + tail));
    }

    /// <summary>A piece of text, or a choice.</summary>
    private sealed record Part(string Text, IReadOnlyList<IReadOnlyList<Part>>? Choices = null);

    private sealed class Parser
    {
        private readonly string _template;
        private readonly Dictionary<int, List<int>> _groups = [];

        public Parser(string template)
        {
            _template = template;
            FindGroups();
        }

        public List<Part> Sequence(int start, int end, int depth = 0)
        {
            if (depth > DeepestNesting)
            {
                throw new RequestException($"groups {{…|…}} may stand in one another {DeepestNesting} deep; use fewer.");
            }

            var parts = new List<Part>();
            var text = new StringBuilder();
            for (var at = start; at < end; at++)
            {
                if (IsEscape(at))
                {
                    text.Append(_template[++at]);
                }
                else if (_template[at] == '{' && _groups.TryGetValue(at, out var marks))
                {
                    parts.Add(new Part(text.ToString()));
                    text.Clear();
                    parts.Add(new Part("", [.. marks.Zip(marks.Skip(1), (from, to) => Sequence(from + 1, to, depth + 1))]));
                    at = marks[^1];
                }
                else
                {
                    text.Append(_template[at]);
                }
            }

            parts.Add(new Part(text.ToString()));
            return parts;
        }

        private bool IsEscape(int at) => _template[at] == '\\' && at + 1 < _template.Length && _template[at + 1] is '{' or '|' or '}' or '\\';

        /// <summary>Finds the braces that belong together and have a bar between them: brace, bars, brace.</summary>
        private void FindGroups()
        {
            var open = new Stack<List<int>>();
            for (var at = 0; at < _template.Length; at++)
            {
                if (IsEscape(at))
                {
                    at++;
                }
                else if (_template[at] == '{')
                {
                    open.Push([at]);
                }
                else if (_template[at] == '|' && open.TryPeek(out var inside))
                {
                    inside.Add(at);
                }
                else if (_template[at] == '}' && open.TryPop(out var closed) && closed.Count > 1)
                {
                    closed.Add(at);
                    _groups[closed[0]] = closed;
                }
            }
        }
    }
}
