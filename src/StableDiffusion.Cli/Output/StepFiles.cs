using System.Globalization;

namespace StableDiffusion.Cli;

/// <summary>
/// The steps of a run as pictures: what the network has in mind at each call. They are decoded when the run is over, so that the networks are
/// not needed at the same time.
/// </summary>
internal sealed class StepFiles
{
    private const int MostFrames = 100;
    private const string StepExtension = ".png";

    private static readonly TimeSpan _frame = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan _lastFrame = TimeSpan.FromSeconds(2);

    private readonly string? _folder;
    private readonly string? _animation;
    private readonly ImageRequest _request;
    private readonly List<Latents> _steps = [];

    /// <summary>Whether several runs have one seed, such as variations of it: then pictures are told apart by their numbers.</summary>
    private readonly bool _sharesSeeds;

    private StepFiles(string? folder, string? animation, ImageRequest request)
    {
        (_folder, _animation, _request) = (folder, animation, request);
        _sharesSeeds = request.Seeds.Distinct().Count() < request.Seeds.Count;
    }

    /// <summary>Checks where the files go before anything is painted.</summary>
    /// <param name="folder">Where each step goes; null for nowhere.</param>
    /// <param name="animation">Where the animation goes; null for nowhere.</param>
    /// <param name="request">What is painted.</param>
    /// <exception cref="RequestException">The files cannot be written there.</exception>
    public static StepFiles Open(string? folder, string? animation, ImageRequest request)
    {
        if (animation is not null && !Animation.IsNamed(animation))
        {
            throw new RequestException($"--animate {OneLine.Quote(animation)} must end in .webp or .gif.");
        }

        var files = new StepFiles(folder, animation, request);
        if (folder is not null)
        {
            if (folder.Length == 0)
            {
                throw new RequestException("--steps-to needs a folder.");
            }

            AtomicFile.RequireWritable(files.StepPath(request.Seeds[0], 0, 0, 1), makesFolders: true);
        }

        if (animation is not null)
        {
            AtomicFile.RequireWritable(files.AnimationPath(0), makesFolders: true);
        }

        return files;
    }

    /// <summary>Names the files among those of the run.</summary>
    /// <exception cref="RequestException">Another of the run's files has the same name.</exception>
    public void AddTo(OutputFiles files)
    {
        var pictures = Enumerable.Range(0, _request.Seeds.Count * _request.PicturesPerSeed);
        if (_animation is not null)
        {
            foreach (var picture in pictures)
            {
                files.Add("--animate", AnimationPath(picture));
            }
        }

        if (_folder is not null)
        {
            // How many steps there are is not known yet.
            var beginnings = pictures.Select(picture => Beginning(_request.Seeds[picture / _request.PicturesPerSeed], picture % _request.PicturesPerSeed, picture)).ToHashSet();
            var folder = Path.GetFullPath(_folder);
            files.AddFolder("--steps-to", path =>
                Path.GetRelativePath(folder, path) is var name && name.EndsWith(StepExtension, StringComparison.Ordinal)
                && name.LastIndexOf('-') + 1 is var step && beginnings.Contains(name[..step]) && name[step..^StepExtension.Length] is { Length: >= 3 } number && number.All(char.IsAsciiDigit));
        }
    }

    /// <summary>Takes note of a call.</summary>
    public void Record(GenerationProgress progress)
    {
        if (progress.Call == 1)
        {
            _steps.Clear();
        }

        _steps.Add(progress.Step!.PredictedClean);
    }

    /// <summary>Writes the steps of a picture that is finished.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="decode">Decodes one image's latents.</param>
    /// <returns>What was written, for the user.</returns>
    public string Write(GeneratedImage picture, Func<Latents, RgbImage> decode)
    {
        var every = (_steps.Count + MostFrames - 1) / MostFrames;
        var frames = new List<(RgbImage, TimeSpan)>();
        if (_folder is not null)
        {
            Directory.CreateDirectory(_folder);
        }

        for (var step = 0; step < _steps.Count; step++)
        {
            var isFrame = _animation is not null && step % every == 0;
            if (_folder is null && !isFrame)
            {
                continue;
            }

            var shown = decode(_steps[step].Extract(picture.IndexInSeed));
            if (isFrame)
            {
                frames.Add((shown, _frame));
            }

            if (_folder is not null)
            {
                AtomicFile.Write(StepPath(picture.Seed, picture.IndexInSeed, picture.Index, step + 1), stream => PngWriter.Write(stream, shown));
            }
        }

        var said = _folder is null ? "" : $"{_steps.Count} steps in {_folder}";
        if (_animation is null)
        {
            return said;
        }

        frames.Add((picture.Image, _lastFrame));
        var path = AnimationPath(picture.Index);
        if (Path.GetDirectoryName(path) is { Length: > 0 } above)
        {
            Directory.CreateDirectory(above);
        }

        // A second pass is larger than the first, and an enlarged picture than its steps.
        var (width, height) = (picture.Image.Width, picture.Image.Height);
        var alike = frames.ConvertAll(frame => (frame.Item1.Width, frame.Item1.Height) == (width, height) ? frame : (ImageResizer.Resize(frame.Item1, width, height), frame.Item2));
        AtomicFile.Write(path, stream => Animation.Write(stream, alike, path));
        return $"{said}{(said.Length > 0 ? ", " : "")}animation {path}";
    }

    private string StepPath(long seed, int indexInSeed, int index, int step) =>
        Path.Combine(_folder!, Beginning(seed, indexInSeed, index) + step.ToString("000", CultureInfo.InvariantCulture) + StepExtension);

    /// <summary>What the names of a picture's steps begin with; no two pictures share it.</summary>
    private string Beginning(long seed, int indexInSeed, int index)
    {
        int? number = _sharesSeeds ? index : _request.PicturesPerSeed > 1 ? indexInSeed : null;
        return number is null ? $"{Seeds.Text(seed)}-" : string.Create(CultureInfo.InvariantCulture, $"{Seeds.Text(seed)}-{number}-");
    }

    /// <summary>The name given, with a number where several pictures are painted, as <c>--output</c> has it.</summary>
    private string AnimationPath(int index) => _request.Seeds.Count * _request.PicturesPerSeed == 1
        ? _animation!
        : Path.ChangeExtension(_animation!, null) + $"-{index.ToString(CultureInfo.InvariantCulture)}{Path.GetExtension(_animation!)}";
}
