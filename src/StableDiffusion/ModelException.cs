namespace StableDiffusion;

/// <summary>A model folder or file is missing, unreadable or not what the program can run. The message says which, and what to do.</summary>
public sealed class ModelException : Exception
{
    public ModelException(string message)
        : base(OneLine.Bounded(message))
    {
    }

    /// <summary>Whether a network cannot even be opened, so that no other request will fare better.</summary>
    internal bool IsOfOpening { get; init; }

    public ModelException(string message, Exception innerException)
        : base(OneLine.Bounded(message), innerException)
    {
    }
}
