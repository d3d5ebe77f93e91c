using System.Globalization;

namespace StableDiffusion;

/// <summary>
/// Messages in which parameters are named, so that whoever shows them can use names of their own: a command line its options, a file
/// its columns. In <c>$"{nameof(ImageRequest.Steps):name} {steps} must be at least 1."</c> the format says that the text is such a name.
/// </summary>
internal static class ParameterText
{
    /// <summary>The message with every parameter's name put through <paramref name="nameOf"/>.</summary>
    public static string Render(FormattableString message, Func<string, string> nameOf) => OneLine.Bounded(message.ToString(new Names(nameOf)));

    private sealed class Names(Func<string, string> nameOf) : IFormatProvider, ICustomFormatter
    {
        public object? GetFormat(Type? formatType) => formatType == typeof(ICustomFormatter) ? this : null;

        public string Format(string? format, object? arg, IFormatProvider? formatProvider) =>
            format == "name" ? nameOf((string)arg!)
            : arg is IFormattable value ? value.ToString(format, CultureInfo.InvariantCulture)
            : arg?.ToString() ?? "";
    }
}
