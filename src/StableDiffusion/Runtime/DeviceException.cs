namespace StableDiffusion;

/// <summary>The device asked for cannot run the model. The message says why, and what to do.</summary>
public sealed class DeviceException : Exception
{
    private readonly FormattableString? _text;

    public DeviceException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }

    /// <param name="parameter">The property of <see cref="PipelineOptions"/> that is to be changed.</param>
    /// <param name="message">The message, with names of properties in the format <c>name</c>, as in <see cref="RequestException"/>.</param>
    public DeviceException(string parameter, FormattableString message)
        : base(ParameterText.Render(message, static name => name)) =>
        (Parameter, _text) = (parameter, message);

    /// <summary>The property of <see cref="PipelineOptions"/> that is to be changed; null where it is not one property.</summary>
    public string? Parameter { get; }

    /// <inheritdoc cref="RequestException.MessageFor"/>
    public string MessageFor(Func<string, string> nameOf) => _text is null ? Message : ParameterText.Render(_text, nameOf);
}
