using System.IO.MemoryMappedFiles;

namespace StableDiffusion;

/// <summary>A file as one span of bytes, read only and only where it is looked at.</summary>
internal sealed unsafe class MappedFile : IDisposable
{
    private readonly MemoryMappedFile? _file;
    private readonly MemoryMappedViewAccessor? _view;
    private readonly byte* _pointer;
    private readonly int _length;

    public MappedFile(string path)
    {
        // a stream of its own: what FileInfo says of a link is the length of the link
        using var stream = File.OpenRead(path);
        if (stream.Length > int.MaxValue)
        {
            throw new ModelException("over 2 GB, more than an ONNX graph may have.");
        }

        _length = (int)stream.Length;
        if (_length > 0)
        {
            _file = MemoryMappedFile.CreateFromFile(
                stream, mapName: null, capacity: 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            _view = _file.CreateViewAccessor(0, _length, MemoryMappedFileAccess.Read);
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _pointer);
        }
    }

    public ReadOnlySpan<byte> Bytes => new(_pointer, _length);

    public void Dispose()
    {
        _view?.SafeMemoryMappedViewHandle.ReleasePointer();
        _view?.Dispose();
        _file?.Dispose();
    }
}
