namespace StableDiffusion;

/// <summary>How <see cref="OptimizedModel"/> keeps weights.</summary>
internal enum OptimizedWeights
{
    /// <summary>As they are.</summary>
    Full,

    /// <summary>As float16, computed in float32.</summary>
    Half,

    /// <summary>Linear layers with 8 bits.</summary>
    EightBit,

    /// <summary>
    /// Convolutions and linear layers of the U-Net and convolutions of the decoder computed with 8 bits, by what <see cref="Calibration"/> saw; other linear
    /// layers with 8 bits a weight.
    /// </summary>
    Integer,
}

/// <summary>What became of one network.</summary>
/// <param name="Part">Its folder.</param>
/// <param name="BytesBefore">Graph and weights, as they were.</param>
/// <param name="BytesAfter">The same as written.</param>
/// <param name="Fused">Attentions fused.</param>
/// <param name="Rounded">Layers with 8 bits, or weights kept as float16.</param>
internal sealed record OptimizedNetwork(string Part, long BytesBefore, long BytesAfter, int Fused, int Rounded);

/// <summary>A model written anew, with attention fused and, if asked, smaller weights: a folder like any other, which appears when it is whole.</summary>
internal sealed class OptimizedModel : IDisposable
{
    private readonly string _target;

    private OptimizedModel(string target, string place)
    {
        _target = target;
        Place = place;
    }

    /// <summary>Where it lies until it is published.</summary>
    public string Place { get; }

    /// <summary>Its networks.</summary>
    public IReadOnlyList<OptimizedNetwork> Networks { get; private set; } = [];

    /// <summary>Refuses a place where no model can be written.</summary>
    /// <exception cref="RequestException">Something is there, or nothing can be.</exception>
    public static void RequireFree(string target)
    {
        target = Path.TrimEndingDirectorySeparator(target);
        if (File.Exists(target) || (Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any()))
        {
            throw new RequestException($"{OneLine.Quote(target)} is there already; give a folder that is empty or new.");
        }

        AtomicFile.RequireWritable(Directory.Exists(target) ? Path.Combine(target, "model_index.json") : target, makesFolders: true);
    }

    /// <summary>Writes a model beside the folder that it is to become.</summary>
    /// <param name="folder">The model.</param>
    /// <param name="target">The folder.</param>
    /// <param name="weights">How to keep weights.</param>
    /// <param name="tell">Told of each network before it is written.</param>
    /// <param name="cancellation">Stops between networks.</param>
    /// <param name="seen">For <see cref="OptimizedWeights.Integer"/>; null for others.</param>
    /// <exception cref="ModelException">A network cannot be read.</exception>
    /// <exception cref="RequestException">The folder cannot be written.</exception>
    public static OptimizedModel Write(
        ModelFolder folder, string target, OptimizedWeights weights, Action<string> tell, CancellationToken cancellation, Calibration? seen = null)
    {
        RequireFree(target);
        target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(target));
        try
        {
            var place = Path.Combine(Path.GetDirectoryName(target)!, $"{GraphCache.Unfinished}{Guid.NewGuid():N}");
            Directory.CreateDirectory(place);
            var model = new OptimizedModel(target, place);
            try
            {
                model.Fill(folder, weights, seen, tell, cancellation);
                return model;
            }
            catch
            {
                model.Dispose();
                throw;
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw CannotBeWritten(target, error);
        }
    }

    /// <summary>Gives it its name.</summary>
    /// <exception cref="RequestException">Something of that name is there by now.</exception>
    public void Publish()
    {
        RequireFree(_target);
        try
        {
            if (Directory.Exists(_target))
            {
                Directory.Delete(_target);
            }

            Directory.Move(Place, _target);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw CannotBeWritten(_target, error);
        }
    }

    /// <summary>Removes what was not published.</summary>
    public void Dispose()
    {
        if (Directory.Exists(Place))
        {
            Directory.Delete(Place, recursive: true);
        }
    }

    private static RequestException CannotBeWritten(string target, Exception error) =>
        new($"{OneLine.Quote(target)} cannot be written: {OneLine.Of(error.Message.Split(" : '")[0])}", error);

    private void Fill(ModelFolder folder, OptimizedWeights weights, Calibration? seen, Action<string> tell, CancellationToken cancellation)
    {
        string[] parts = [.. folder.Parts.Where(part => File.Exists(folder.NetworkOf(part)))];
        CopySettings(folder, parts);
        Networks = [.. parts.Select(part =>
        {
            cancellation.ThrowIfCancellationRequested();
            tell(part);
            return Write(part, folder.NetworkOf(part), weights, seen);
        })];
    }

    private OptimizedNetwork Write(string part, string path, OptimizedWeights weights, Calibration? seen)
    {
        var graph = OnnxGraph.Load(path);
        var before = NetworkFile.Bytes(graph, widened: false);
        var (fused, halved, rounded) = (new FusedAttentionEdit(), new HalfWeightsEdit(), new EightBitEdit(asWhole: weights == OptimizedWeights.Integer && part == "unet"));
        var convolutions = seen is null ? null : new EightBitConvolutionsEdit(seen.RangesOf(part));
        IGraphEdit[] edits = weights switch
        {
            OptimizedWeights.Half => [fused, halved],
            OptimizedWeights.EightBit => [fused, rounded],
            OptimizedWeights.Integer => [fused, convolutions ?? throw new ArgumentNullException(nameof(seen)), rounded],
            _ => [fused],
        };
        try
        {
            foreach (var edit in edits.Where(edit => edit.AppliesTo(part)))
            {
                edit.Apply(graph);
            }

            Directory.CreateDirectory(Path.Combine(Place, part));
            var written = Path.Combine(Place, part, "model.onnx");
            graph.Save(written);
            return new OptimizedNetwork(part, before, NetworkFile.Bytes(written, widened: false), fused.Fused, (convolutions?.Convolutions ?? 0) + rounded.Layers + halved.Weights);
        }
        finally
        {
            graph.Made?.Dispose();
        }
    }

    /// <summary>
    /// Configurations, tokenizers and texts, as they are: all that is no network and belongs to none of another form. So is the upscaling network,
    /// which is small.
    /// </summary>
    private void CopySettings(ModelFolder folder, string[] parts)
    {
        foreach (var root in (string[])[folder.Path, Path.Combine(folder.Path, "onnx")])
        {
            if (!Directory.Exists(root))
            {
                continue;
            }

            foreach (var file in Directory.GetFiles(root).Where(IsText))
            {
                Copy(file, "");
            }

            foreach (var below in Directory.GetDirectories(root))
            {
                var name = Path.GetFileName(below);
                var isWhole = name == Enlarger.Part || name.StartsWith("tokenizer", StringComparison.Ordinal);
                if (isWhole || name is "scheduler" or "vae" || parts.Contains(name))
                {
                    foreach (var file in Directory.GetFiles(below).Where(file => isWhole || IsText(file)))
                    {
                        Copy(file, name);
                    }
                }
            }
        }
    }

    private static bool IsText(string file) => Path.GetExtension(file).ToLowerInvariant() is ".json" or ".txt" or ".md" or "" && !Path.GetFileName(file).StartsWith('.');

    private void Copy(string file, string below)
    {
        var copy = Path.Combine(Place, below, Path.GetFileName(file));
        Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
        if (!File.Exists(copy))
        {
            // Not File.Copy: of a link it would copy what kind of file it leads to, rights included.
            using var from = File.OpenRead(file);
            using var to = new FileStream(copy, FileMode.CreateNew, FileAccess.Write);
            from.CopyTo(to);
        }
    }
}
