using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace StableDiffusion.Cli;

/// <summary>JSON that is not one object a line: an array of objects or of prompts, or objects that are spread over several lines.</summary>
internal static partial class JsonDocumentLines
{
    private static readonly JsonReaderOptions _reading = new() { AllowMultipleValues = true, AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip };

    /// <summary>Whether a file's first line begins such a document.</summary>
    public static bool Begins(string line) =>
        BeginningForm().IsMatch(line) || (line.TrimStart() is ['{', .. var rest] && rest.TrimStart() is ['"', ..] && !IsWhole(line) && !line.TrimEnd().EndsWith('}'));

    /// <summary>Reads a whole document; each object or text in it is a line, by the number of the line where it begins.</summary>
    /// <param name="text">The document.</param>
    /// <param name="firstLine">The number of its first line in the file.</param>
    /// <param name="table">What an object may give.</param>
    /// <param name="name">What the file is called.</param>
    /// <param name="note">Told what is left out.</param>
    /// <exception cref="RequestException">It is no valid JSON, so nothing of it is painted.</exception>
    public static IEnumerable<BatchLine> Read(string text, int firstLine, FieldTable table, string name, Action<string> note)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var lines = new List<BatchLine>();
        var (counted, line) = (0L, firstLine);
        int LineAt(long position)
        {
            for (; counted < position; counted++)
            {
                line += bytes[counted] == '\n' ? 1 : 0;
            }

            return line;
        }

        var reader = new Utf8JsonReader(bytes, _reading);
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType is JsonTokenType.StartArray or JsonTokenType.EndArray && reader.CurrentDepth == 0)
                {
                    continue;
                }

                var number = LineAt(reader.TokenStartIndex);
                using var document = JsonDocument.ParseValue(ref reader);
                var element = document.RootElement.Clone();
                lines.Add(BatchLine.Of(number, 0, () => JsonLine.Fields(element, table, note)));
            }
        }
        catch (JsonException error)
        {
            throw new RequestException(
                $"{name}, line {firstLine + (error.LineNumber ?? 0)}, byte {(error.BytePositionInLine ?? 0) + 1}: it is not valid JSON ({OneLine.Of(error.Message.Split(" LineNumber")[0])})", error);
        }

        return lines;
    }

    private static bool IsWhole(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary><c>[</c> or <c>{</c> alone, or an array that begins with an object. <c>[word]</c> begins a prompt.</summary>
    [GeneratedRegex(@"^\s*(\[|\{|\[\s*\{.*|\[\s*""[^""]*""\s*(,.*|\]\s*)?|\[\s*\])\s*$")]
    private static partial Regex BeginningForm();
}
