namespace StableDiffusion;

/// <summary>The files that hold a graph's weights.</summary>
internal static class WeightFiles
{
    private const int Alignment = 64;

    /// <summary>
    /// Download caches keep links to files that lie elsewhere, and ONNX Runtime opens no weights outside the folder it is given.
    /// So where files are such links, the graph is made to name the folder above all the real files. As ONNX Runtime does for
    /// models it opens itself, it trusts the model's folder and the one where the real model file lies; a link to
    /// anywhere else stays as it is, to be refused.
    /// </summary>
    public static void FollowLinks(OnnxGraph graph)
    {
        var weights = graph.Initializers.Where(i => i.File is { } range && IsInside(range.Location)).ToList();
        var real = weights.Select(i => i.File!.Location).Distinct()
            .ToDictionary(l => l, l => RealPath(Path.Combine(graph.Folder, l)));
        if (real.All(r => r.Value == Path.GetFullPath(Path.Combine(graph.Folder, r.Key))))
        {
            return;
        }

        string[] trusted = [RealPath(graph.Folder), Path.GetDirectoryName(RealPath(graph.Path))!];
        if (!real.Values.All(r => trusted.Any(t => Holds(t, r)))
            || real.Values.Select(Path.GetDirectoryName).Aggregate(CommonFolder) is not { } folder)
        {
            return;
        }

        foreach (var weight in weights)
        {
            var range = weight.File!;
            weight.PointTo(range with { Location = LocationIn(folder, real[range.Location]) });
        }

        graph.Folder = folder;
    }

    /// <summary>Where the next weight begins in a file of so many bytes: at whole cache lines.</summary>
    public static long Aligned(long length) => length + (-length & (Alignment - 1));

    /// <summary>A file as graphs name it, from a folder above it.</summary>
    public static string LocationIn(string folder, string path) => Path.GetRelativePath(folder, path).Replace(Path.DirectorySeparatorChar, '/');

    /// <summary>Makes a graph name its weights from the folder that holds a further file too.</summary>
    /// <returns>Whether there is one.</returns>
    /// <exception cref="ModelException">A weight lies outside the model's folder, which from there could not be told any more.</exception>
    public static bool NameFromAbove(OnnxGraph graph, string further)
    {
        var here = RealPath(graph.Folder);
        if (CommonFolder(here, Path.GetDirectoryName(further)) is not { } folder)
        {
            return false;
        }

        foreach (var weight in graph.Initializers)
        {
            if (weight.File is not { } range)
            {
                continue;
            }

            var real = IsInside(range.Location) ? RealPath(Path.Combine(here, range.Location)) : "";
            if (!Holds(here, real))
            {
                throw new ModelException($"{graph.Path} keeps weights in {OneLine.Quote(OneLine.Shorten(range.Location))}, which is outside its folder. Export it again.");
            }

            weight.PointTo(range with { Location = LocationIn(folder, real) });
        }

        graph.Folder = folder;
        return true;
    }

    /// <summary>The bytes of a range.</summary>
    /// <exception cref="ModelException">The file is missing, too short or outside <paramref name="folder"/>.</exception>
    public static byte[] Read(string folder, OnnxFileRange range)
    {
        if (!IsInside(range.Location))
        {
            throw new ModelException($"the weights in {range.Location} lie outside the model's folder.");
        }

        var path = Path.Combine(folder, range.Location);
        try
        {
            using var file = File.OpenHandle(path);
            var length = range.Length ?? RandomAccess.GetLength(file) - range.Offset;
            if (range.Offset < 0 || length < 0 || range.Offset > RandomAccess.GetLength(file) - length || length > Array.MaxLength)
            {
                throw new ModelException($"{path} is too short for the weights it should hold. Download it again.");
            }

            var bytes = new byte[length];
            for (var done = 0; done < bytes.Length;)
            {
                var read = RandomAccess.Read(file, bytes.AsSpan(done), range.Offset + done);
                done += read > 0 ? read : throw new EndOfStreamException($"{path} ends early.");
            }

            return bytes;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{path} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Whether the place of weights is a path that stays in the model's folder.</summary>
    public static bool IsInside(string location) =>
        location.Length > 0 && !location.Contains('\0') && !Path.IsPathRooted(location) && !location.Split('/', '\\').Contains("..");

    /// <summary>The path as the system walks it, with every link on the way followed.</summary>
    public static string RealPath(string path)
    {
        const int mostLinks = 40; // Linux stops there too
        var full = Path.GetFullPath(path);
        var real = Path.GetPathRoot(full)!;
        var parts = new Stack<string>(Parts(full[real.Length..]));
        for (var links = 0; parts.TryPop(out var part);)
        {
            var next = part == ".." ? Path.GetDirectoryName(real) ?? real : Path.Combine(real, part);
            if (new FileInfo(next).LinkTarget is not { } target || part == "..")
            {
                real = next;
                continue;
            }

            if (++links > mostLinks)
            {
                throw new IOException($"{path} leads through too many links.");
            }

            var root = Path.GetPathRoot(target)!;
            real = root.Length > 0 ? root : real;
            foreach (var step in Parts(target[root.Length..]))
            {
                parts.Push(step);
            }
        }

        return real;
    }

    // last first, as a stack takes them
    private static IEnumerable<string> Parts(string path) =>
        path.Split(Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar).Where(p => p.Length > 0 && p != ".").Reverse();

    private static string? CommonFolder(string? a, string? b)
    {
        while (a is not null && a != b && !Holds(a, b))
        {
            a = Path.GetDirectoryName(a);
        }

        return a;
    }

    private static bool Holds(string folder, string? path) => path?.StartsWith(
        Path.EndsInDirectorySeparator(folder) ? folder : folder + Path.DirectorySeparatorChar, StringComparison.Ordinal) == true;
}
