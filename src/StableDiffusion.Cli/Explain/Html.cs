using System.Globalization;
using System.Net;
using System.Text;

namespace StableDiffusion.Cli;

/// <summary>The few elements that the page is made of.</summary>
internal static class Html
{
    /// <summary>Text that is safe between tags and in attributes.</summary>
    public static string Text(string text) => WebUtility.HtmlEncode(text);

    public static string Paragraph(string html) => $"<p>{html}</p>\n";

    /// <summary>A picture with a caption; <paramref name="caption"/> is HTML, <paramref name="description"/> what a screen reader says.</summary>
    public static string Figure(string dataUri, int width, int height, string description, string caption, string kind = "") => string.Create(
        CultureInfo.InvariantCulture,
        $"<figure{(kind.Length > 0 ? $" class=\"{kind}\"" : "")}><img src=\"{dataUri}\" width=\"{width}\" height=\"{height}\" alt=\"{Text(description)}\"><figcaption>{caption}</figcaption></figure>\n");

    /// <summary>Figures side by side.</summary>
    public static string Row(params IEnumerable<string> figures) => $"<div class=\"row\">{string.Concat(figures)}</div>\n";

    /// <summary>A table; cells are HTML.</summary>
    public static string Table(string caption, IReadOnlyList<string> heads, IEnumerable<IReadOnlyList<string>> rows)
    {
        var table = new StringBuilder($"<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{Text(caption)}\"><table><caption>{Text(caption)}</caption><thead><tr>");
        foreach (var head in heads)
        {
            table.Append($"<th scope=\"col\">{head}</th>");
        }

        table.Append("</tr></thead><tbody>");
        foreach (var row in rows)
        {
            table.Append($"<tr>{string.Concat(row.Select((cell, i) => i == 0 ? $"<th scope=\"row\">{cell}</th>" : $"<td>{cell}</td>"))}</tr>");
        }

        return table.Append("</tbody></table></div>\n").ToString();
    }

    public static string Number(double value, string format = "0.###") => value.ToString(format, CultureInfo.InvariantCulture);

    public static string Count(long value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
