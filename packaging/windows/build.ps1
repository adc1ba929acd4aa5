# Builds dist\pos-app and, where Inno Setup is installed, an installer. NOT TRIED: written on Linux.
# Needs Python 3.11 or newer.   powershell -ExecutionPolicy Bypass -File packaging\windows\build.ps1
$ErrorActionPreference = "Stop"
Set-Location (Join-Path $PSScriptRoot "..\..")
$venv = "build\package\venv"
if (Test-Path $venv) { Remove-Item -Recurse -Force $venv }
py -3 -m venv $venv
$python = "$venv\Scripts\python.exe"
& $python -m pip install --quiet --require-hashes -r packaging\locks\window.lock -r packaging\locks\package.lock
& "$venv\Scripts\pyinstaller.exe" --noconfirm --log-level ERROR --distpath dist --workpath build\package\work packaging\pos-app.spec
& $python packaging\try_package.py dist\pos-app\pos-app.exe
$inno = Get-Command iscc -ErrorAction SilentlyContinue
if ($inno) { & $inno.Source packaging\windows\pos-app.iss } else { Write-Output "Inno Setup is not installed: no installer was made." }
