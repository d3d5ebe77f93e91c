using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace StableDiffusion;

/// <summary>
/// The brackets that weigh parts of a prompt, read as AUTOMATIC1111's webui reads them (modules/prompt_parser.py,
/// parse_prompt_attention): <c>(a)</c> times 1.1, <c>(a:1.3)</c> or <c>(a: 1.3)</c> times 1.3, <c>[a]</c> divided by 1.1, nested ones multiplied,
/// <c>\(</c> a bracket as such, <c>BREAK</c> a new chunk.
/// </summary>
internal static partial class PromptParser
{
    /// <summary>Levels of brackets: each multiplies all that it holds, and 256 of them by a number without meaning.</summary>
    private const int MostLevels = 256;

    private const double RoundWeight = 1.1;
    private const double SquareWeight = 1 / 1.1;

    /// <summary>
    /// The pieces of a prompt in order, at least one. Nothing is refused but brackets too deep in each other: unbalanced brackets count as they do in the webui,
    /// and a weight that is no number (<c>(a:1.2.3)</c>, where the webui fails) is part of the text.
    /// </summary>
    /// <exception cref="RequestException">Brackets stand more than 256 deep in each other.</exception>
    public static IReadOnlyList<WeightedText> Parse(string prompt)
    {
        var pieces = new List<WeightedText>();
        var round = new Stack<int>();
        var square = new Stack<int>();
        foreach (Match match in Marks().Matches(prompt))
        {
            var text = match.Value;
            if (text[0] == '\\')
            {
                pieces.Add(new WeightedText(text[1..], 1));
            }
            else if (text is "(" or "[" && round.Count + square.Count == MostLevels)
            {
                throw new RequestException(nameof(ImageRequest.Prompt), $"{nameof(ImageRequest.Prompt):name}: brackets stand more than {MostLevels} deep in each other; leave some out, or write \\{text} for a bracket as such.");
            }
            else if (text == "(")
            {
                round.Push(pieces.Count);
            }
            else if (text == "[")
            {
                square.Push(pieces.Count);
            }
            else if (text == ")" && round.Count > 0)
            {
                Multiply(pieces, round.Pop(), RoundWeight);
            }
            else if (text == "]" && square.Count > 0)
            {
                Multiply(pieces, square.Pop(), SquareWeight);
            }
            else if (text[^1] == ')' && round.Count > 0)
            {
                if (Number(match.Groups["weight"].ValueSpan) is not { } weight)
                {
                    pieces.Add(new WeightedText(text[..^1], 1));
                    weight = RoundWeight;
                }

                Multiply(pieces, round.Pop(), weight);
            }
            else
            {
                AddText(pieces, text);
            }
        }

        foreach (var start in round)
        {
            Multiply(pieces, start, RoundWeight);
        }

        foreach (var start in square)
        {
            Multiply(pieces, start, SquareWeight);
        }

        return Join(pieces);
    }

    /// <summary>The text with <c>BREAK</c> as the word that it is elsewhere: in small letters, which are all that CLIP reads.</summary>
    public static string WithoutBreaks(string text) => Breaks().Replace(text, "break");

    private static void AddText(List<WeightedText> pieces, string text)
    {
        var parts = Breaks().Split(text);
        for (var i = 0; i < parts.Length; i++)
        {
            var part = parts[i];
            if (i > 0)
            {
                pieces.Add(WeightedText.Break);
                part = part.TrimStart();
            }

            pieces.Add(new WeightedText(i < parts.Length - 1 ? part.TrimEnd() : part, 1));
        }
    }

    private static void Multiply(List<WeightedText> pieces, int start, double factor)
    {
        foreach (ref var piece in CollectionsMarshal.AsSpan(pieces)[start..])
        {
            piece = piece with { Weight = Math.Clamp(piece.Weight * factor, -float.MaxValue, float.MaxValue) };
        }
    }

    private static double? Number(ReadOnlySpan<char> text) =>
        double.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;

    /// <summary>Neighbours of one weight become one piece, for words are made across them.</summary>
    private static List<WeightedText> Join(List<WeightedText> pieces)
    {
        var joined = new List<WeightedText>();
        for (var i = 0; i < pieces.Count;)
        {
            var weight = pieces[i].Weight;
            var text = new StringBuilder();
            for (; i < pieces.Count && pieces[i].Weight.Equals(weight); i++)
            {
                text.Append(pieces[i].Text);
            }

            joined.Add(new WeightedText(text.ToString(), weight));
        }

        return joined.Count > 0 ? joined : [new WeightedText("", 1)];
    }

    [GeneratedRegex(@"\\[()\[\]\\]?|[()\[\]]|:\s*(?<weight>[+-]?[.0-9]+)\s*\)|[^\\()\[\]:]+|:", RegexOptions.ExplicitCapture)]
    private static partial Regex Marks();

    [GeneratedRegex(@"(?<![\p{L}\p{N}_])BREAK(?![\p{L}\p{N}_])")]
    private static partial Regex Breaks();
}

/// <summary>A piece of a prompt and how much it counts: 1 is as written, 1.1 a tenth more.</summary>
internal readonly record struct WeightedText(string Text, double Weight)
{
    /// <summary>Stands between two pieces where the prompt says <c>BREAK</c>.</summary>
    public static WeightedText Break { get; } = new("BREAK", -1);
}
