namespace StableDiffusion;

/// <summary>Something asked for cannot be done: a value out of range, a combination that has no meaning, an input file that is wrong.
/// The message is one line that says what, where and what to do instead.</summary>
public sealed class RequestException : Exception
{
    public RequestException(string message)
        : base(message)
    {
    }

    public RequestException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
