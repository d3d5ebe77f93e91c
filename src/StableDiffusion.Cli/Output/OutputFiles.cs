namespace StableDiffusion.Cli;

/// <summary>The files that a run is asked to write, so that none of them is written over another.</summary>
internal sealed class OutputFiles
{
    private readonly Dictionary<string, string> _options = new(OperatingSystem.IsLinux() ? StringComparer.Ordinal : StringComparer.OrdinalIgnoreCase);

    /// <summary>Takes note of a file.</summary>
    /// <param name="option">The option that asks for it.</param>
    /// <param name="path">Where it goes.</param>
    /// <exception cref="RequestException">Another option asks for the same file.</exception>
    public void Add(string option, string path)
    {
        if (!_options.TryAdd(PlaceOf(path), option) && _options[PlaceOf(path)] is var other && other != option)
        {
            throw new RequestException($"{other} and {option} both write {OneLine.Quote(path)}; give one of them another name.");
        }
    }

    /// <summary>Refuses a folder whose files would be among those.</summary>
    /// <param name="option">The option that asks for the folder.</param>
    /// <param name="isIn">Whether it may write a file, by its full path.</param>
    /// <exception cref="RequestException">Another option asks for such a file.</exception>
    public void AddFolder(string option, Func<string, bool> isIn)
    {
        if (_options.Keys.FirstOrDefault(isIn) is { } path)
        {
            throw new RequestException($"{_options[path]} and {option} both write {OneLine.Quote(path)}; give one of them another name.");
        }
    }

    /// <summary>The place of a file, whatever it is called: links lead to it.</summary>
    public static string PlaceOf(string path)
    {
        var full = Path.GetFullPath(path);
        return new FileInfo(full).LinkTarget is null ? full : File.ResolveLinkTarget(full, returnFinalTarget: true)!.FullName;
    }
}
