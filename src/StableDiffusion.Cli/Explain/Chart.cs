using System.Globalization;
using System.Text;

namespace StableDiffusion.Cli;

/// <summary>Curves as SVG, drawn in the colours of the page.</summary>
internal static class Chart
{
    private const int Width = 640;
    private const int Height = 254;
    private const int Left = 48;
    private const int Right = 12;
    private const int Top = 26;
    private const int Bottom = 34;

    /// <summary>One curve: its name and points; each may be marked with a dot.</summary>
    internal sealed record Curve(string Name, IReadOnlyList<(double X, double Y)> Points, bool Dots = false);

    /// <summary>Draws curves over one pair of axes, from 0 up.</summary>
    /// <param name="title">What it shows, for screen readers.</param>
    /// <param name="xName">What goes right.</param>
    /// <param name="yName">What goes up.</param>
    /// <param name="curves">At most three.</param>
    public static string Lines(string title, string xName, string yName, params IReadOnlyList<Curve> curves)
    {
        var xs = curves.SelectMany(curve => curve.Points.Select(point => point.X)).ToList();
        var (least, most) = (xs.Min(), xs.Max());
        var top = Math.Max(curves.SelectMany(curve => curve.Points.Select(point => point.Y)).Max(), 1e-9);
        var grid = Step(top);
        top = Math.Ceiling(top / grid * 0.999) * grid;
        double X(double x) => Left + ((x - least) / Math.Max(most - least, 1e-9) * (Width - Left - Right));
        double Y(double y) => Height - Bottom - (y / top * (Height - Top - Bottom));

        var svg = new StringBuilder($"<svg class=\"chart\" viewBox=\"0 0 {Width} {Height}\" role=\"img\" aria-label=\"{Html.Text(title)}\">");
        for (var y = 0.0; y <= top * 1.001; y += grid)
        {
            svg.Append($"<line class=\"grid\" x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{F(Y(y))}\" y2=\"{F(Y(y))}\"/><text x=\"{Left - 6}\" y=\"{F(Y(y) + 4)}\" text-anchor=\"end\">{Html.Number(y, "0.####")}</text>");
        }

        var step = Step(most - least);
        for (var x = Math.Ceiling(least / step) * step; x <= most * 1.0001; x += step)
        {
            svg.Append($"<text x=\"{F(X(x))}\" y=\"{Height - Bottom + 16}\" text-anchor=\"middle\">{Html.Number(x, "0.##")}</text>");
        }

        svg.Append($"<text x=\"{Width - Right}\" y=\"{Height - 4}\" text-anchor=\"end\" class=\"name\">{Html.Text(xName)}</text><text x=\"4\" y=\"{Top - 14}\" class=\"name\">{Html.Text(yName)}</text>");
        for (var i = 0; i < curves.Count; i++)
        {
            var points = curves[i].Points;
            svg.Append($"<polyline class=\"c{i}\" points=\"{string.Join(' ', points.Select(point => $"{F(X(point.X))},{F(Y(point.Y))}"))}\"/>");
            if (curves[i].Dots)
            {
                svg.Append(string.Concat(points.Select(point => $"<circle class=\"c{i}\" cx=\"{F(X(point.X))}\" cy=\"{F(Y(point.Y))}\" r=\"4\"><title>{Html.Number(point.X, "0.##")}: {Html.Number(point.Y, "0.####")}</title></circle>")));
            }
        }

        svg.Append("</svg>\n");
        var names = curves.Select((curve, i) => (curve.Name, i)).Where(one => one.Name.Length > 0).Select(one => $"<span class=\"key c{one.i}\">{Html.Text(one.Name)}</span>");
        return svg.Append($"<p class=\"legend\">{string.Join(' ', names)}</p>\n").ToString();
    }

    /// <summary>A step of 1, 2 or 5 times a power of ten, of which about five fit.</summary>
    private static double Step(double range)
    {
        var rough = Math.Max(range, 1e-9) / 5;
        var power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        return (rough / power) switch { < 1.5 => 1, < 3.5 => 2, < 7.5 => 5, _ => 10 } * power;
    }

    private static string F(double value) => value.ToString("0.#", CultureInfo.InvariantCulture);
}
