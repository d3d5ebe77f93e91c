using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace StableDiffusion.Cli;

/// <summary>
/// InvokeAI's way to write a prompt, which is that of compel (src/compel/prompt_parser.py), in the one that is read here: <c>word++</c> and
/// <c>(some words)1.4</c> weigh, brackets and quotes without a weight only hold together, square brackets are text.
/// </summary>
internal sealed partial class CompelPrompt
{
    private const double PlusWeight = 1.1, MinusWeight = 0.9, MostWeight = 1000;
    private const string SyntaxMarks = "()\",.+-=";

    /// <summary>Brackets deeper in each other are text: nobody writes so many, and each takes a part of the stack.</summary>
    private const int MostLevels = 200;

    private readonly string _text;
    private readonly Recipe _recipe;

    /// <summary>For each opening bracket or quote the place of what closes it.</summary>
    private readonly Dictionary<int, int> _ends = [];

    private CompelPrompt(string text, Recipe recipe)
    {
        (_text, _recipe) = (text, recipe);
        var open = new Stack<int>();
        for (var i = 0; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '\\':
                    i++;
                    break;
                case '"' when open.TryPeek(out var quote) && text[quote] == '"':
                    _ends[open.Pop()] = i;
                    break;
                case '(' or '"':
                    open.Push(i);
                    break;
                case ')':
                    // A quote that is open in a bracket which ends is no quote but a mark of inches.
                    while (open.TryPop(out var start))
                    {
                        if (text[start] == '(')
                        {
                            _ends[start] = i;
                            break;
                        }
                    }

                    break;
            }
        }
    }

    /// <summary>The same text in the webui's way; what has no such way is noted.</summary>
    public static string Translate(string text, Recipe recipe)
    {
        var words = PromptParser.WithoutBreaks(text);
        var translated = new CompelPrompt(words, recipe).Between(0, words.Length, 0);
        recipe.NoteWeights(translated);
        return translated;
    }

    private string Between(int start, int end, int level)
    {
        var result = new StringBuilder();
        var word = 0; // where the word that is being read begins in the result
        for (var i = start; i < end;)
        {
            var mark = _text[i];
            if (mark == '\\' && i + 1 < end && SyntaxMarks.Contains(_text[i + 1], StringComparison.Ordinal))
            {
                result.Append(Literal(_text[i + 1]));
                i += 2;
            }
            else if (mark is '(' or '"' && _ends.TryGetValue(i, out var close) && close < end && level < MostLevels)
            {
                var inner = Between(i + 1, close, level + 1);
                i = After(inner, close + 1, end, result);
                word = result.Length;
            }
            else if (mark is '+' or '-' && result.Length > word && EndsWord(i, end))
            {
                var operand = result.ToString(word, result.Length - word);
                result.Length = word;
                i = After(operand, i, end, result);
                word = result.Length;
            }
            else if (result.Length > word && Operator().Match(_text, i, end - i) is { Success: true })
            {
                var operand = result.ToString(word, result.Length - word);
                result.Length = word;
                i = After(operand, i, end, result);
                word = result.Length;
            }
            else if (Learnt().Match(_text, i, end - i) is { Success: true } learnt)
            {
                _recipe.NoteLearnt(learnt.Groups["name"].Value);
                result.Append(learnt.Groups["name"].Value);
                i += learnt.Length;
            }
            else if (result.Length == word && Lora().Match(_text, i, end - i) is { Success: true } lora)
            {
                result.Append(CultureInfo.InvariantCulture, $"<lora:{lora.Groups["name"].Value}:{(lora.Groups["weight"].Success ? lora.Groups["weight"].Value : "1")}>");
                i += lora.Length;
                word = result.Length;
            }
            else
            {
                result.Append(Literal(mark));
                i++;
                word = char.IsWhiteSpace(mark) || SyntaxMarks.Contains(mark, StringComparison.Ordinal) && mark is not ('+' or '-') ? result.Length : word;
            }
        }

        return result.ToString();
    }

    /// <summary>Writes words with what is done to them, and says where that ends.</summary>
    private int After(string operand, int at, int end, StringBuilder result)
    {
        if (Operator().Match(_text, at, end - at) is { Success: true } call && _ends.TryGetValue(at + call.Length - 1, out var close) && close < end)
        {
            var name = call.Groups["name"].Value;
            var argument = _text[(at + call.Length)..close];
            if (name == "attend")
            {
                Weigh(operand, WeightOf(argument) is var (weight, length) && length == argument.Length ? weight : 1, result);
            }
            else
            {
                _recipe.Note($".{name}({OneLine.Shorten(OneLine.Of(argument))}) of the prompt is not followed.");
                result.Append(operand);
            }

            return close + 1;
        }

        var (found, taken) = WeightOf(_text.AsSpan(at, end - at)) ?? (1, 0);
        Weigh(operand, found, result);
        return at + taken;
    }

    /// <summary>The weight that a text begins with, and its length; null where it begins with none.</summary>
    private static (double Weight, int Length)? WeightOf(ReadOnlySpan<char> text)
    {
        if (text is ['+' or '-', ..])
        {
            var run = text.IndexOfAnyExcept(text[0]) is >= 0 and var other ? other : text.Length;
            return (Math.Pow(text[0] == '+' ? PlusWeight : MinusWeight, run), run);
        }

        foreach (var number in Number().EnumerateMatches(text))
        {
            return (double.Parse(text[..number.Length], CultureInfo.InvariantCulture), number.Length);
        }

        return null;
    }

    private static void Weigh(string words, double weight, StringBuilder result)
    {
        if (weight.Equals(1.0) || words.Length == 0)
        {
            result.Append(words);
            return;
        }

        result.Append(CultureInfo.InvariantCulture, $"({words}:{Math.Min(weight, MostWeight):0.####})");
    }

    /// <summary>A + or - weighs the word before it unless more of the word follows, as in "blue-green".</summary>
    private bool EndsWord(int at, int end) => at + 1 == end || char.IsWhiteSpace(_text[at + 1]) || SyntaxMarks.Contains(_text[at + 1], StringComparison.Ordinal);

    private static string Literal(char mark) => mark is '(' or ')' or '[' or ']' or '\\' ? $@"\{mark}" : mark.ToString();

    [GeneratedRegex(@"\G\.(?<name>attend|swap|blend|and|add)\(")]
    private static partial Regex Operator();

    [GeneratedRegex(@"^([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)")]
    private static partial Regex Number();

    [GeneratedRegex(@"\G<(?<name>[^\s<>:]+)>")]
    private static partial Regex Learnt();

    [GeneratedRegex(@"\G(use|with)Lora\((?<name>[\w-]+)(\s*,\s*(?<weight>[0-9]*\.?[0-9]+))?\)")]
    private static partial Regex Lora();
}
