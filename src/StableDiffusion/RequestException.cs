namespace StableDiffusion;

/// <summary>Something asked for cannot be done: a value out of range, a combination that has no meaning, an input file that is wrong.
/// The message is one line that says what, where and what to do instead.</summary>
public sealed class RequestException : Exception
{
    private readonly FormattableString? _text;

    public RequestException(string message)
        : base(OneLine.Bounded(message))
    {
    }

    public RequestException(string message, Exception innerException)
        : base(OneLine.Bounded(message), innerException)
    {
    }

    /// <param name="parameter">The property of <see cref="ImageRequest"/> that is to be changed.</param>
    /// <param name="message">The message, with names of properties in the format <c>name</c>: <c>{nameof(ImageRequest.Steps):name}</c>.</param>
    public RequestException(string parameter, FormattableString message)
        : base(ParameterText.Render(message, static name => name)) =>
        (Parameter, _text) = (parameter, message);

    /// <summary>The property of <see cref="ImageRequest"/> that is to be changed, such as <c>Steps</c>; null where it is not one property.</summary>
    public string? Parameter { get; }

    /// <summary>The message with other names for the properties that it speaks of: options of a command line, columns of a table.</summary>
    /// <param name="nameOf">The name for a property of <see cref="ImageRequest"/>.</param>
    public string MessageFor(Func<string, string> nameOf) => _text is null ? Message : ParameterText.Render(_text, nameOf);
}
